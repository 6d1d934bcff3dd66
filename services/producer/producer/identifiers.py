"""Ids of payments that are unique to one run of a producer, of any schema; pure."""

import re
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID, uuid5

from fraudstream.payment_schema import PaymentSchema, integer_range, within

_EPOCH_S = 1_767_225_600  # 2026-01-01T00:00:00Z
_COUNTER_BITS = 16
_NUMBER_BITS = 7
_NUMBERS = 1 << _NUMBER_BITS
_COUNTERS = 1 << _COUNTER_BITS
_MOST_SECONDS = (1 << 30) - 1
_HIGHEST = (1 << 53) - 1
_PREFIX = "p"
_EXAMPLES = 1_000
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAMESPACE = UUID("5f0d5b0e-6f3c-4a0e-9a55-2f1f3a3f3f6e")


class Ids(Protocol):
    """Source of new ids."""

    def take(self, count: int) -> Sequence[int | str]:
        """Return the next `count` ids."""


class PaymentIds:
    """Ascending ids below 2^53: second of the start (30 bits, until 2060), producer's number (7), counter (16).

    The second advances by one whenever the counter is full, and never by the clock. So two starts share an id only if
    their producer numbers are equal modulo 128 and their seconds overlap: both started in the same second, or the
    earlier one made more than 65,536 payments for each second between them. The broker numbers producers in sequence.
    """

    def __init__(self, started_s: float, producer_number: int) -> None:
        self._second = min(max(1, int(started_s) - _EPOCH_S), _MOST_SECONDS)
        self._number = producer_number % _NUMBERS
        self._counter = 0

    def take(self, count: int) -> list[int]:
        """Return the next `count` ids."""
        ids: list[int] = []
        while count > len(ids):
            first = ((self._second << _NUMBER_BITS | self._number) << _COUNTER_BITS) + self._counter
            some = min(count - len(ids), _COUNTERS - self._counter)
            ids.extend(range(first, first + some))
            self._counter += some
            if self._counter == _COUNTERS:
                self._second, self._counter = self._second + 1, 0
        return ids


class TextIds:
    """Text ids made of integers: UUIDs, or a letter and the number, of which the last characters fit the field."""

    def __init__(self, numbers: PaymentIds, longest: int, *, as_uuid: bool) -> None:
        self._numbers = numbers
        self._longest = longest
        self._as_uuid = as_uuid

    def take(self, count: int) -> list[str]:
        """Return the next `count` ids."""
        numbers = self._numbers.take(count)
        if self._as_uuid:
            return [str(uuid5(_NAMESPACE, str(number))) for number in numbers]
        return [f"{_PREFIX}{number}"[-self._longest :] for number in numbers]


class IdsWithin:
    """Ids of a range that has not all of PaymentIds; one of fewer than 2^53 numbers repeats sooner."""

    def __init__(self, numbers: PaymentIds, lowest: int, highest: int) -> None:
        self._numbers = numbers
        self._lowest, self._count = lowest, highest - lowest + 1

    def take(self, count: int) -> list[int]:
        """Return the next `count` ids."""
        return [self._lowest + number % self._count for number in self._numbers.take(count)]


def ids_of(schema: PaymentSchema, numbers: PaymentIds, rows: Sequence[Sequence[object]] = ()) -> Ids:
    """Return a source of valid ids: UUIDs if those of all `rows` are, else as the type of the schema's id demands.

    A row has values in the order of the schema's fields.
    """
    field = schema.fields[schema.id]
    place = list(schema.fields).index(schema.id)
    examples = [row[place] for row in rows[:_EXAMPLES]]
    if field.type == "text":
        as_uuid = bool(examples) and all(isinstance(one, str) and _UUID.fullmatch(one) for one in examples)
        return TextIds(numbers, field.max_length, as_uuid=as_uuid)
    if within(field, 1) and within(field, _HIGHEST):
        return numbers
    lowest, highest = integer_range(field)
    return IdsWithin(numbers, max(lowest, 1) if highest >= 1 else lowest, highest)
