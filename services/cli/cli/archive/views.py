"""The views that `fraudstream archive` prints: their SQL, the same for both databases, and their columns. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "count", "amount", "sum", "share", "probability", "hour", "time", "reasons"]
"""Content of a column, by which its cells are formatted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its name, the heading of tables, and its kind of content."""

    name: str
    heading: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Rows to print: a query with the parameter `limit`, its columns, and the line that is printed without rows."""

    query: str
    columns: Sequence[Column]
    empty: str


def _columns(**columns: tuple[str, Kind]) -> Sequence[Column]:
    return [Column(name=name, heading=heading, kind=kind) for name, (heading, kind) in columns.items()]


VIEWS: Mapping[str, View] = {
    "hourly": View(
        query="""
            SELECT hour, payments, flagged, blocked, flagged_share, amount, amount_blocked
            FROM hourly_fraud
            ORDER BY hour DESC
            LIMIT :limit""",
        columns=_columns(
            hour=("hour (UTC)", "hour"),
            payments=("payments", "count"),
            flagged=("flagged", "count"),
            blocked=("blocked", "count"),
            flagged_share=("flagged share", "share"),
            amount=("amount", "sum"),
            amount_blocked=("amount blocked", "sum"),
        ),
        empty="The archive has no payments.",
    ),
    "top": View(
        query="""
            SELECT amount, id, fraud_probability, paid_at, model_version, reasons
            FROM top_blocked
            ORDER BY amount DESC, paid_at, id
            LIMIT :limit""",
        columns=_columns(
            amount=("amount", "amount"),
            id=("id", "text"),
            fraud_probability=("probability", "probability"),
            paid_at=("time", "time"),
            model_version=("model", "text"),
            reasons=("reasons", "reasons"),
        ),
        empty="The archive has no blocked payments with an amount.",
    ),
    "models": View(
        query="""
            SELECT model_version, challenger_version, payments, approved, reviewed, blocked,
                   mean_probability, challenger_mean_probability, mean_difference, agreement
            FROM model_comparison
            ORDER BY payments DESC, model_version, challenger_version
            LIMIT :limit""",
        columns=_columns(
            model_version=("model", "text"),
            challenger_version=("challenger", "text"),
            payments=("payments", "count"),
            approved=("approved", "count"),
            reviewed=("reviewed", "count"),
            blocked=("blocked", "count"),
            mean_probability=("mean probability", "share"),
            challenger_mean_probability=("challenger's", "share"),
            mean_difference=("mean difference", "share"),
            agreement=("agreement", "share"),
        ),
        empty="The archive has no payments.",
    ),
    "letters": View(
        query="""
            SELECT source_topic || '/' || CAST(source_partition AS TEXT) || '/' || CAST(source_offset AS TEXT) AS place,
                   archived_at, reason, value_bytes, detail
            FROM open_dead_letters
            ORDER BY archived_at DESC, letter_partition, letter_offset DESC
            LIMIT :limit""",
        columns=_columns(
            place=("place", "text"),
            archived_at=("archived", "time"),
            reason=("reason", "text"),
            value_bytes=("bytes", "count"),
            detail=("detail", "text"),
        ),
        empty="The archive has no dead letters that were never replayed.",
    ),
}
