"""Malformed messages among the valid ones, to demonstrate dead letters; pure, given its random generator.

The ways to break a payment of the default schema are listed here; `broken` derives those of any other one.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from fraudstream.payment_schema import PaymentSchema
from fraudstream.record import KeyedMessage
from fraudstream.simulation import simulate
from producer.broken import WIRE, Break, Fields, broken_by, example
from producer.identifiers import Ids
from producer.source import Source

_ID = "payment_id"


def _with(field: str, value: object) -> Callable[[Fields], bytes]:
    return lambda fields: json.dumps({**fields, field: value}).encode()


def _without(field: str) -> Callable[[Fields], bytes]:
    return lambda fields: json.dumps({name: value for name, value in fields.items() if name != field}).encode()


def _literal(field: str, literal: bytes) -> Callable[[Fields], bytes]:
    return lambda fields: json.dumps({**fields, field: "?"}).encode().replace(b'"?"', literal)


BROKEN: Mapping[str, Break] = {
    **WIRE,
    "NaN": _with("amount", float("nan")),
    "infinity": _with("country_risk_score", float("inf")),
    "infinity in an unknown field": _with("note", float("-inf")),
    "too large for a double": _literal("amount", b"1e400"),
    "5,000 digits": _literal("payment_id", b"9" * 5_000),
    "Unicode digits": _literal("failed_logins", "٣".encode()),
    "text for a number": _with("amount", "1200"),
    "boolean for a number": _with("is_new_device", True),  # noqa: FBT003 - a boolean on purpose
    "decimal for an integer": _with("failed_logins", 3.0),
    "null for a number": _with("country_risk_score", None),
    "negative amount": _with("amount", -1),
    "risk above one": _with("country_risk_score", 1.01),
    "negative logins": _with("failed_logins", -1),
    "hour 24": _with("transaction_hour", 24),
    "payment_id 0": _with("payment_id", 0),
    "missing payment_id": _without("payment_id"),
    "missing amount": _without("amount"),
    "no field at all": lambda _: b"{}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """Ways to break a payment, and the payments to be broken."""

    kinds: Sequence[Break]
    payments: Callable[[Sequence[int | str]], Iterable[Fields]]
    """Returns a payment with each id, as the object of its message."""


def malformed_simulated(random: Random) -> Malformed:
    """Return the malformed messages of the default schema, made from simulated payments."""
    rng = np.random.default_rng(random.getrandbits(64))

    def payments(ids: Sequence[int | str]) -> Iterable[Fields]:
        return ({_ID: one, **values} for one, values in zip(ids, simulate(rng, len(ids)).rows(), strict=True))

    return Malformed(kinds=tuple(BROKEN.values()), payments=payments)


def malformed_by(schema: PaymentSchema) -> Malformed:
    """Return the malformed messages of any schema, made from a payment of small values."""
    return Malformed(
        kinds=tuple(broken_by(schema).values()), payments=lambda ids: (example(schema, one) for one in ids)
    )


class WithMalformed:
    """Source with a share of malformed messages; every message of the wrapped source is still sent."""

    def __init__(self, source: Source, rate: float, ids: Ids, random: Random, malformed: Malformed) -> None:
        self._source = source
        self._rate = rate
        self._ids = ids
        self._random = random
        self._malformed = malformed

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return `count` messages, each of them malformed with the given probability."""
        broken = [self._random.random() < self._rate for _ in range(count)]
        wanted = broken.count(False)
        good = self._source.take(wanted, now_ms)
        if len(good) < wanted:
            return good
        rest, bad = iter(good), self._broken(broken.count(True), now_ms)
        return [next(bad) if is_broken else next(rest) for is_broken in broken]

    def _broken(self, count: int, now_ms: int) -> Iterator[KeyedMessage]:
        ids = self._ids.take(count)
        for one, payment in zip(ids, self._malformed.payments(ids), strict=True):
            value = self._random.choice(self._malformed.kinds)(payment)
            yield KeyedMessage(str(one).encode(), value, now_ms)
