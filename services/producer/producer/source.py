"""Source of payments: its interface, and simulated payments as messages; pure, given its random generator."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from fraudstream.payment import PaymentFormat
from fraudstream.payment_files.rows import Row
from fraudstream.payment_schema import DeclaredField, PaymentSchema, default_schema
from fraudstream.record import KeyedMessage
from fraudstream.simulation import simulate
from producer.identifiers import PaymentIds

_MS_PER_HOUR = 3_600_000
_HOURS_PER_DAY = 24


class Source(Protocol):
    """Source of messages that are ready to be sent."""

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return the next `count` messages, created at `now_ms` (UTC); fewer near the source's end, none at its end."""


class SimulatedSource:
    """Endless stream of realistic payments, of the default schema."""

    def __init__(self, form: PaymentFormat, rng: np.random.Generator, ids: PaymentIds) -> None:
        self._form = form
        self._rng = rng
        self._ids = ids

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return `count` payments, all at the UTC hour of `now_ms`."""
        batch = simulate(self._rng, count, hour=now_ms // _MS_PER_HOUR % _HOURS_PER_DAY)
        ids = self._ids.take(count)
        # formatted column by column: json.dumps takes four times as long, and these are plain numbers
        values = self._form.encode_all({self._form.schema.id: ids, **batch.columns()})
        return [KeyedMessage(b"%d" % one, value, now_ms) for one, value in zip(ids, values, strict=True)]


def is_simulated(schema: PaymentSchema) -> bool:
    """Return whether simulated payments are those of the schema: it has the default's fields, types and ranges."""
    default = default_schema()
    has_same_roles = (schema.id, schema.key) == (default.id, default.key)
    return has_same_roles and _validity(schema) == _validity(default)


def _validity(schema: PaymentSchema) -> list[tuple[object, ...]]:
    return [_rules(field) for field in schema.fields.values()]


def _rules(field: DeclaredField) -> tuple[object, ...]:
    return field.path, field.type, field.min, field.max, field.above, field.below


def keys(schema: PaymentSchema, rows: Iterable[Row]) -> list[bytes]:
    """Return the key of each payment's message: the value of the field with the role key; its id without one."""
    if schema.key is None:
        return [str(row[schema.id]).encode() for row in rows]
    values = ((row[schema.key], row[schema.id]) for row in rows)
    return [str(payment_id if value is None else value).encode() for value, payment_id in values]
