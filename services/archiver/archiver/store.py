"""Rows and positions, written in one transaction: a batch is there with the position behind it, or not at all.

The positions are moved by comparing: where another archiver has moved one meanwhile, nothing is written. So any number
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

# else an INSERT may tell no count
_COUNTED = {"preserve_rowcount": True}
_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
# the moment from which a row's age counts: what is not ours to trust, such as a letter's timestamp, is not asked
_AGES = {"scored_payments": "scored_at", "dead_letters": "archived_at", "replays": "archived_at"}


class OvertakenError(Exception):
    """The database has another position than was expected: another archiver went on, or our last commit arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The archive of one database; everything blocks, and raises SinkUnavailableError where that is away."""

    database: Database

    def positions(self, cluster: str, topics: Sequence[str]) -> tuple[dict[Place, Position], bool]:
        """What is known of `topics` in `cluster`, and whether these topics were read from another cluster before."""
        with self.database.transaction() as connection:
            columns = (column for column in positions.c if column.name != "moved_at")
            found = connection.execute(select(*columns).where(positions.c.topic.in_(topics))).all()
        ours = {
            (row.topic, row.partition): Position(
                next_offset=row.next_offset, last_offset=row.last_offset, last_fingerprint=row.last_fingerprint
            )
            for row in found
            if row.cluster_id == cluster
        }
        return ours, len(found) > len(ours)

    def write(self, cluster: str, batch: Batch, moves: Sequence[Move], moved_at: str) -> dict[str, int]:
        """Rows and positions; how many rows of each table were new. Raises OvertakenError, and has written nothing."""
        with self.database.transaction() as connection:
            # first, and in one order: where two archivers meet, one waits here for the other
            for move in sorted(moves, key=lambda move: move.place):
                _move(connection, cluster, move, moved_at)
            failpoint("moved")
            new = {table: self.database.insert_new(connection, table, rows) for table, rows in batch.rows.items()}
            failpoint("written")
        failpoint("archived")
        return new

    def expire(self, table: str, before: str, most: int) -> int:
        """Delete at most `most` of the rows of `table` that are older than `before`; how many these were."""
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
        raise OvertakenError(f"{topic}/{partition}")
