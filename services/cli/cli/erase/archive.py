"""Erasure of payments' rows from the archive: found first, then deleted by their keys, in one transaction."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Table, delete, func, or_, select, tuple_

from archiver.database import Database
from archiver.rows import stored_text
from archiver.schema import dead_letters, scored_payments
from cli.erase.wanted import ScoredPlace, Wanted
from fraudstream.dead_letter import Place

T = TypeVar("T")
Keys = Mapping[str, set[tuple[Any, ...]]]
"""The primary keys of rows, by table."""

_ANY_FORM = (b"\\", b"\0", *(b"%c%c" % two for two in product(b"eE", b"+-0123456789")))
"""Of which a value has one that does not have the id's text: JSON's escapes, UTF-16, exponents of numbers."""
_PART = 200
"""Parameters per statement."""
_CONTAINS: Mapping[str, Callable[[Column[Any], bytes], ColumnElement[bool]]] = {
    "sqlite": lambda column, part: func.instr(column, part) > 0,
    "postgresql": lambda column, part: func.pg_catalog.position(column, part) > 0,
}


def find(
    database: Database, wanted: Wanted, topic: str, payments: Iterable[ScoredPlace], letters: Iterable[Place]
) -> Keys:
    """Return the keys of the payments' rows; `payments` and `letters` are places found in Kafka. Blocks."""
    with database.transaction() as connection:
        places = [(topic, partition, offset, _id(found)) for partition, offset, found in payments]
        return _find(connection, wanted, places, list(letters))


def erase(database: Database, keys: Keys) -> dict[str, int]:
    """Delete the rows, all or none; return the number deleted from each table. Blocks."""
    tables = {table.name: table for table in (scored_payments, dead_letters)}
    counts = dict.fromkeys(keys, 0)
    with database.transaction() as connection:
        for name, rows in keys.items():
            table = tables[name]
            for part in _parts(sorted(rows)):
                statement = delete(table).where(tuple_(*table.primary_key).in_(part))
                counts[name] += connection.execute(statement).rowcount
    return counts


def _find(
    connection: Connection, wanted: Wanted, payments: Sequence[tuple[Any, ...]], letters: Sequence[Place]
) -> Keys:
    scored, dead = scored_payments.c, dead_letters.c
    source = (scored.source_topic, scored.source_partition, scored.source_offset, scored.id)
    found_scored = {
        *_keys(connection, scored_payments, scored.id.in_, map(_id, wanted.payment_ids)),
        *_keys(connection, scored_payments, tuple_(*source).in_, payments),
    }
    found_dead = {
        *_keys(connection, dead_letters, dead.key.in_, wanted.keys),
        *_keys(connection, dead_letters, tuple_(*dead_letters.primary_key).in_, letters),
        *_naming(connection, wanted),
    }
    return {scored_payments.name: found_scored, dead_letters.name: found_dead}


def _keys(
    connection: Connection, table: Table, condition: Callable[[Sequence[T]], ColumnElement[bool]], values: Iterable[T]
) -> Iterator[tuple[Any, ...]]:
    for part in _parts(list(values)):
        yield from map(tuple, connection.execute(select(*table.primary_key).where(condition(part))))


def _naming(connection: Connection, wanted: Wanted) -> Iterator[tuple[Any, ...]]:
    """Yield the dead letters whose value gives one of the ids, valid JSON or not."""
    contains = _CONTAINS[connection.dialect.name]
    for part in _parts(sorted(map(str, wanted.payment_ids))):
        searched = {*_ANY_FORM, *(one.lstrip("-").encode(errors="surrogatepass") for one in part)}
        maybe = or_(*(contains(dead_letters.c.value, one) for one in sorted(searched)))
        statement = select(*dead_letters.primary_key, dead_letters.c.value).where(maybe)
        # an option of the statement: one of the connection would apply to the DELETE as well
        for *key, value in connection.execute(statement, execution_options={"yield_per": _PART}):
            if wanted.names_payment(value):
                yield tuple(key)


def _id(payment_id: int | str) -> str:
    """Return the id as the archive has it."""
    return stored_text(str(payment_id))


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + _PART] for start in range(0, len(values), _PART))
