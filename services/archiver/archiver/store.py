"""Rows and positions, written in one transaction: a batch is stored with the position after it, or not at all.

Positions are updated by compare-and-set: if another archiver has moved one meanwhile, nothing is written. So any number
of archivers may run, and none writes a record twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, literal, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from archiver.database import Database
from archiver.positions import Move, Position
from archiver.rows import Batch
from archiver.schema import METADATA, positions
from fraudstream.record import Place
from fraudstream.runtime.failpoints import failpoint

# otherwise an INSERT may not report a row count
_COUNTED = {"preserve_rowcount": True}
_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
# the column that a row's age is computed from: never one that we can't trust, such as a letter's timestamp
_AGES = {"scored_payments": "scored_at", "dead_letters": "archived_at", "replays": "archived_at"}


class PositionConflictError(Exception):
    """The database has another position than expected: another archiver moved it, or our last commit succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Archive in one database; all methods block, and raise SinkUnavailableError if it is unavailable."""

    database: Database

    def positions(self, cluster: str, topics: Sequence[str]) -> tuple[dict[Place, Position], bool]:
        """Return the positions of `topics` in `cluster`, and whether these topics were read from another cluster."""
        with self.database.transaction() as connection:
            columns = (column for column in positions.c if column.name != "moved_at")
            stored = connection.execute(select(*columns).where(positions.c.topic.in_(topics))).all()
        ours = {
            (row.topic, row.partition): Position(
                next_offset=row.next_offset, last_offset=row.last_offset, last_fingerprint=row.last_fingerprint
            )
            for row in stored
            if row.cluster_id == cluster
        }
        return ours, len(stored) > len(ours)

    def write(self, cluster: str, batch: Batch, moves: Sequence[Move], moved_at: str) -> dict[str, int]:
        """Write rows and positions; return the number of new rows by table. Writes nothing on PositionConflictError."""
        with self.database.transaction() as connection:
            # first, and always in the same order: of two concurrent archivers, one waits here for the other
            for move in sorted(moves, key=lambda move: move.place):
                _move(connection, cluster, move, moved_at)
            failpoint("moved")
            new = {table: self.database.insert_new(connection, table, rows) for table, rows in batch.rows.items()}
            failpoint("written")
        failpoint("archived")
        return new

    def expire(self, table: str, before: str, most: int) -> int:
        """Delete at most `most` rows of `table` that are older than `before`; return their number."""
        rows = METADATA.tables[table]
        age = rows.c[_AGES[table]]
        key = list(rows.primary_key.columns)
        old = select(*key).where(age < literal(before, age.type)).order_by(age).limit(most)
        with self.database.transaction() as connection:
            return connection.execute(delete(rows).where(tuple_(*key).in_(old))).rowcount


def _move(connection: Connection, cluster: str, move: Move, moved_at: str) -> None:
    topic, partition = move.place
    key = {"cluster_id": cluster, "topic": topic, "partition": partition}
    values = {
        "next_offset": move.position.next_offset,
        "last_offset": move.position.last_offset,
        "last_fingerprint": move.position.last_fingerprint,
        "moved_at": moved_at,
    }
    if move.expected is None:
        statement = _INSERTS[connection.dialect.name](positions).values(**key, **values).on_conflict_do_nothing()
    else:
        here = and_(*(positions.c[name] == value for name, value in key.items()))
        statement = update(positions).where(here, positions.c.next_offset == move.expected).values(**values)
    if connection.execute(statement, execution_options=_COUNTED).rowcount != 1:
        raise PositionConflictError(f"{topic}/{partition}")
