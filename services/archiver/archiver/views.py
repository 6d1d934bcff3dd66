"""Views over the tables for payments of any fields, with the same columns in every database; migrations create them.

Sums, shares and means are rounded: databases add numbers in another order, and so differ in the last digits.
`definitions` has the view that follows from the declared fields.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection

from archiver.dialects import DIALECTS
from fraudstream.errors import FraudstreamError

_VIEWS: Mapping[str, str] = {
    # sums of NUMERIC: in Postgres, a sum of floats above their range is an error for all hours
    "hourly_fraud": """
        SELECT {hour} AS hour,
               COUNT(*) AS payments,
               COUNT(*) FILTER (WHERE decision <> 'approve') AS flagged,
               COUNT(*) FILTER (WHERE decision = 'block') AS blocked,
               ROUND(COUNT(*) FILTER (WHERE decision <> 'approve') * 1.0 / COUNT(*), 4) AS flagged_share,
               ROUND(SUM(CAST(amount AS NUMERIC)), 2) AS amount,
               CASE WHEN COUNT(amount) > 0
                    THEN ROUND(COALESCE(SUM(CAST(amount AS NUMERIC)) FILTER (WHERE decision = 'block'), 0), 2)
               END AS amount_blocked
        FROM scored_payments
        GROUP BY 1""",
    "top_blocked": """
        SELECT id, amount, fraud_probability, reasons, paid_at, scored_at, model_version,
               source_topic, source_partition, source_offset, fields
        FROM scored_payments
        WHERE decision = 'block' AND amount IS NOT NULL
        ORDER BY amount DESC
        LIMIT 100""",
    # A payment has the challenger's probability, but not its decision, nor the champion's thresholds, which depend on
    # the amount where models decide by cost. The lowest probabilities that the champion reviewed and blocked, of
    # payments of about the same amount, are close to them. Of 200,000 payments with known decisions, 0.988 agreed: this
    # gives 0.975, and one pair of thresholds for all amounts gives 0.44.
    "model_comparison": """
        WITH limits AS (
            SELECT model_version AS version,
                   {band} AS band,
                   MIN(fraud_probability) AS review,
                   MIN(fraud_probability) FILTER (WHERE decision = 'block') AS block
            FROM scored_payments
            WHERE decision <> 'approve'
            GROUP BY 1, 2
        )
        SELECT model_version,
               challenger_version,
               COUNT(*) AS payments,
               COUNT(*) FILTER (WHERE decision = 'approve') AS approved,
               COUNT(*) FILTER (WHERE decision = 'review') AS reviewed,
               COUNT(*) FILTER (WHERE decision = 'block') AS blocked,
               ROUND(CAST(AVG(fraud_probability) AS NUMERIC), 4) AS mean_probability,
               ROUND(CAST(AVG(challenger_probability) AS NUMERIC), 4) AS challenger_mean_probability,
               ROUND(CAST(AVG(ABS(fraud_probability - challenger_probability)) AS NUMERIC), 4) AS mean_difference,
               ROUND(AVG(CASE
                       WHEN challenger_probability IS NULL THEN NULL
                       WHEN decision = CASE
                           WHEN challenger_probability >= limits.block THEN 'block'
                           WHEN challenger_probability >= limits.review THEN 'review'
                           ELSE 'approve'
                       END THEN 1.0
                       ELSE 0.0
                   END), 4) AS agreement
        FROM scored_payments
        LEFT JOIN limits
               ON challenger_probability IS NOT NULL AND limits.version = model_version AND limits.band = {band}
        GROUP BY model_version, challenger_version""",
    # in a re-created topic a letter may have the offset of a previous one, whose marker was archived before it
    "open_dead_letters": """
        SELECT *
        FROM dead_letters
        WHERE NOT EXISTS (
            SELECT 1
            FROM replays
            WHERE replays.letter_topic = dead_letters.letter_topic
              AND replays.letter_partition = dead_letters.letter_partition
              AND replays.letter_offset = dead_letters.letter_offset
              AND replays.archived_at >= dead_letters.archived_at
        )""",
}


_BAND_STARTS = tuple(step * 10.0**power for power in range(-1, 7) for step in (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))


@contextmanager
def replaced(connection: Connection, *tables: str) -> Iterator[None]:
    """Drop the views of earlier versions, and create the present ones after the block, which may replace `tables`.

    Others keep their rights on views and tables. Raises FraudstreamError if views of others read any of them.
    """
    dialect = DIALECTS[connection.dialect.name]
    ours = (*tables, *_VIEWS)
    if used := {view for name in ours for view in dialect.views_on(connection, name)}.difference(_VIEWS):
        raise FraudstreamError(
            f"DATABASE_URL: the views {', '.join(sorted(used))} read tables or views of the archive that get other "
            "columns: drop them, start again, and create them again with the new columns (docs/archive.md)"
        )
    grants = [grant for name in ours for grant in dialect.grants(connection, name)]
    for name in _VIEWS:
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
    yield
    _create(connection)
    for grant in grants:
        connection.exec_driver_sql(grant)


def _create(connection: Connection) -> None:
    """Create all views in the database's dialect of SQL."""
    hour = DIALECTS[connection.dialect.name].hour.format("COALESCE(paid_at, scored_at)")
    for name, query in _VIEWS.items():
        sql = f"CREATE VIEW {name} AS {query.replace('{hour}', hour).replace('{band}', _band())}"
        connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def _band() -> str:
    """Return the SQL expression for the number of an amount's band, 0 without an amount."""
    cases = (
        f"WHEN amount >= {start:.2f} THEN {number}" for number, start in reversed(list(enumerate(_BAND_STARTS, 2)))
    )
    return f"CASE WHEN amount IS NULL THEN 0 {' '.join(cases)} ELSE 1 END"
