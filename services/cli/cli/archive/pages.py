"""Payments read from the archive page by page: the archiver, which may have to wait for a reader, waits for a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Text, cast, literal, select, tuple_

from archiver.read_only import ReadOnlyDatabase
from archiver.schema import scored_payments
from fraudstream.timestamps import time_text

_SPAN_ROWS = 5_000
"""Rows that are read at a time, wanted or not."""
_PAGE_ROWS = 10_000
"""Limit of a page: any number of rows may have been scored at the same time."""
_PAYMENTS = scored_payments.c
_KEY = (_PAYMENTS.scored_at, *scored_payments.primary_key.columns)
_COLUMNS = (
    _PAYMENTS.source_topic,
    _PAYMENTS.timestamp_ms,
    _PAYMENTS.id,
    cast(_PAYMENTS.fields, Text),
    _PAYMENTS.fraud_probability,
    _PAYMENTS.decision,
    _PAYMENTS.model_version,
    cast(_PAYMENTS.reasons, Text),
    _PAYMENTS.scored_at,
    _PAYMENTS.challenger_probability,
    _PAYMENTS.challenger_version,
    _PAYMENTS.source_partition,
    _PAYMENTS.source_offset,
)
Conditions = Sequence[ColumnElement[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Criteria that must all hold; an empty one or None matches every payment. Times: since ≤ scored_at < until."""

    since_ms: int | None = None
    until_ms: int | None = None
    decisions: Sequence[str] = ()


def pages(database: ReadOnlyDatabase, selection: Selection) -> Iterator[Sequence[Row[Any]]]:
    """Yield the selected rows in the order in which they were scored, a page at a time, without later ones. Blocks."""
    wanted = [_PAYMENTS.decision.in_(selection.decisions)] if selection.decisions else []
    for span in _spans(database, selection):
        rest: Conditions = span
        while True:
            rows = database.rows(select(*_COLUMNS).where(*rest, *wanted).order_by(*_KEY).limit(_PAGE_ROWS))
            yield rows
            if len(rows) < _PAGE_ROWS:
                break
            rest = [*span, *_after(rows[-1])]


def _spans(database: ReadOnlyDatabase, selection: Selection) -> Iterator[Conditions]:
    """Yield the conditions of consecutive spans of time, each with about the same number of rows, wanted or not.

    So a read takes no longer if few rows are wanted. The index of `scored_at` has all that is read for it.
    """
    time = _PAYMENTS.scored_at
    rest = list(_within(selection))
    last = _first(database, select(time).where(*rest).order_by(time.desc()))
    while last is not None:
        ends = _first(database, select(time).where(*rest).order_by(time).offset(_SPAN_ROWS - 1))
        if ends is None or ends >= last:
            yield [*rest, time <= _literal(last)]
            return
        yield [*rest, time <= _literal(ends)]
        rest = [*_within(selection), time > _literal(ends)]


def _within(selection: Selection) -> Iterator[ColumnElement[bool]]:
    if selection.since_ms is not None:
        yield _PAYMENTS.scored_at >= _literal(time_text(selection.since_ms))
    if selection.until_ms is not None:
        yield _PAYMENTS.scored_at < _literal(time_text(selection.until_ms))


def _literal(time: Any) -> ColumnElement[Any]:
    return literal(time, _PAYMENTS.scored_at.type)


def _first(database: ReadOnlyDatabase, statement: Select[Any]) -> Any:
    rows = database.rows(statement.limit(1))
    return rows[0][0] if rows else None


def _after(row: Row[Any]) -> Conditions:
    key = [literal(getattr(row, column.name), column.type) for column in _KEY]
    return [_PAYMENTS.scored_at >= key[0], tuple_(*_KEY) > tuple_(*key)]
