"""Rows of the previous table of scored payments, moved into the present one, a piece per transaction.

After a kill, the next start continues with the rows that are still in the previous table. Nothing else is written
before all are moved. The statements are those of this step for good: they do not follow later versions of the tables.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Connection, inspect, text

from archiver.dialects import DIALECTS
from archiver.migrations.versions.archive_0002 import PREVIOUS, PREVIOUS_AMOUNT, PREVIOUS_ID

_BEFORE = ("source_topic", "source_partition", "source_offset", "timestamp_ms", "paid_at")
_AFTER = (
    "fraud_probability",
    "decision",
    "model_version",
    "reasons",
    "scored_at",
    "challenger_probability",
    "challenger_version",
)
_PIECE_ROWS = 20_000
_PIECE_PAGES = 500
"""About 30,000 rows of Postgres."""
_INDEXES = (
    "CREATE INDEX scored_payments_id ON scored_payments {by_hash} (id)",
    "CREATE INDEX scored_payments_scored_at ON scored_payments (scored_at)",
    "CREATE INDEX scored_payments_blocked ON scored_payments (amount) WHERE decision = 'block'",
)
_BY_HASH = {"sqlite": "", "postgresql": "USING hash"}

Move = Callable[[Connection, Sequence[str], int], tuple[int, int | None]]
"""Move the piece at a place; return the number of its rows, and the place of the next piece or None."""


def carry_over(connection: Connection) -> Iterator[int]:
    """Move all rows of the previous table; yield the number of rows of each piece, after its commit."""
    dialect, move = DIALECTS[connection.dialect.name], _MOVES[connection.dialect.name]
    place: int | None = 0
    while place is not None:
        with connection.begin():
            dialect.lock_schema(connection)
            if not inspect(connection).has_table(PREVIOUS):
                return  # there was none, or another archiver has moved its rows
            rows, place = move(connection, _fields(connection), place)
            if place is None:
                _finish(connection)
        yield rows


def _fields(connection: Connection) -> Sequence[str]:
    """Return the previous table's columns of payments' fields."""
    names = [column["name"] for column in inspect(connection).get_columns(PREVIOUS)]
    return [name for name in names if name not in {*_BEFORE, *_AFTER}]


def _finish(connection: Connection) -> None:
    # built at once at the end: ids are in no order, so that adding them one by one would read the whole index each time
    for statement in _INDEXES:
        connection.exec_driver_sql(statement.format(by_hash=_BY_HASH[connection.dialect.name]))
    connection.exec_driver_sql(f"DROP TABLE {PREVIOUS}")


def _insert(document: str, source: str) -> str:
    """Return the statement that inserts rows of `source`, with the SQL expression `document` for their fields."""
    columns = ", ".join((*_BEFORE, "id", "amount", "fields", *_AFTER))
    values = ", ".join((*_BEFORE, f"CAST({PREVIOUS_ID} AS TEXT)", PREVIOUS_AMOUNT, document, *_AFTER))
    return f"INSERT INTO scored_payments ({columns}) SELECT {values} FROM {source} ON CONFLICT DO NOTHING"  # noqa: S608 - our own names


def _move_in_sqlite(connection: Connection, fields: Sequence[str], _: int) -> tuple[int, int | None]:
    def document(*values: Any) -> str:
        """Return the fields as JSON: SQLite itself would round numbers to 15 digits."""
        return to_json({name: value for name, value in zip(fields, values, strict=True) if value is not None}).decode()

    driver: Any = connection.connection.driver_connection
    driver.create_function("fields_json", len(fields), document, deterministic=True)
    last = f"SELECT max(rowid) FROM (SELECT rowid FROM {PREVIOUS} ORDER BY rowid LIMIT {_PIECE_ROWS})"  # noqa: S608 - our own names
    end = connection.exec_driver_sql(last).scalar()
    if end is None:
        return 0, None
    piece = f"{PREVIOUS} WHERE rowid <= {int(end)}"
    connection.exec_driver_sql(_insert(f"fields_json({', '.join(map(_quoted, fields))})", piece))
    return connection.exec_driver_sql(f"DELETE FROM {piece}").rowcount, 0  # noqa: S608 - our own names


def _move_in_postgres(connection: Connection, fields: Sequence[str], page: int) -> tuple[int, int | None]:
    pages = text(f"SELECT pg_relation_size('{PREVIOUS}') / current_setting('block_size')::int")
    if page >= (connection.execute(pages).scalar() or 0):
        return 0, None
    end = page + _PIECE_PAGES
    members = ", ".join(f"'{name}', {_quoted(name)}" for name in fields)
    moved = (
        f"WITH moved AS (DELETE FROM {PREVIOUS} WHERE ctid >= '({page},0)' AND ctid < '({end},0)' RETURNING *) "  # noqa: S608 - our own names
        + _insert(f"jsonb_strip_nulls(jsonb_build_object({members}))", "moved")
    )
    return connection.exec_driver_sql(moved).rowcount, end


def _quoted(name: str) -> str:
    return f'"{name}"'


_MOVES: Mapping[str, Move] = {"sqlite": _move_in_sqlite, "postgresql": _move_in_postgres}
