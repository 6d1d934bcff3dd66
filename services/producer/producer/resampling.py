"""Payments of a history repeated in random order, with new ids and the present time; pure, given its random numbers."""

from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random
from typing import Any

from fraudstream.payment import PaymentFormat
from fraudstream.record import KeyedMessage
from producer.identifiers import Ids
from producer.source import keys


class ResampledSource:
    """Endless stream of the payments in `rows`: all of them in random order, then again in another one.

    The outcome of a payment is not part of it. The field with the role time has the time of the message.
    """

    def __init__(self, form: PaymentFormat, rows: Sequence[tuple[Any, ...]], ids: Ids, random: Random) -> None:
        """Take at least one row of values, in the order of the schema's fields."""
        self._form = form
        self._ids = ids
        self._rows = _shuffled(rows, random)

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return `count` payments."""
        if not count:
            return []
        schema = self._form.schema
        by_field = zip(*islice(self._rows, count), strict=True)
        columns: dict[str, Sequence[Any]] = dict(zip(schema.fields, by_field, strict=True))
        columns[schema.id] = self._ids.take(count)
        if schema.time is not None:
            columns[schema.time] = [now_ms] * count
        key = schema.key or schema.id
        rows = ({schema.id: one, key: value} for one, value in zip(columns[schema.id], columns[key], strict=True))
        values = self._form.encode_all(columns)
        return [KeyedMessage(one, value, now_ms) for one, value in zip(keys(schema, rows), values, strict=True)]


def _shuffled(rows: Sequence[tuple[Any, ...]], random: Random) -> Iterator[tuple[Any, ...]]:
    while True:
        yield from random.sample(rows, len(rows))
