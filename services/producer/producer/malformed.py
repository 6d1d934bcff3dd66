"""Malformed messages among the valid ones, to demonstrate dead letters; pure, given its random generator."""

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import numpy as np

from fraudstream.payment import ID
from fraudstream.record import KeyedMessage
from fraudstream.simulation import simulate
from producer.identifiers import PaymentIds
from producer.source import Source

Fields = dict[str, Any]


def _with(field: str, value: object) -> Callable[[Fields], bytes]:
    return lambda fields: json.dumps({**fields, field: value}).encode()


def _without(field: str) -> Callable[[Fields], bytes]:
    return lambda fields: json.dumps({name: value for name, value in fields.items() if name != field}).encode()


def _literal(field: str, literal: bytes) -> Callable[[Fields], bytes]:
    return lambda fields: json.dumps({**fields, field: "?"}).encode().replace(b'"?"', literal)


BROKEN: Mapping[str, Callable[[Fields], bytes | None]] = {
    "tombstone": lambda _: None,
    "empty": lambda _: b"",
    "blank": lambda _: b" \n",
    "invalid UTF-8": lambda fields: json.dumps({**fields, "note": "?"}).encode().replace(b"?", b"\xff\xfe"),
    "byte-order mark": lambda fields: b"\xef\xbb\xbf" + json.dumps(fields).encode(),
    "UTF-16": lambda fields: json.dumps(fields).encode("utf-16"),
    "truncated": lambda fields: json.dumps(fields).encode()[:-20],
    "two objects": lambda fields: json.dumps(fields).encode() * 2,
    "not JSON": lambda _: b"payment;amount\n1;1200",
    "array": lambda fields: json.dumps([fields]).encode(),
    "string": lambda _: b'"payment"',
    "number": lambda _: b"17",
    "null": lambda _: b"null",
    "deeply nested": lambda _: b"[" * 1_000 + b"]" * 1_000,
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


class WithMalformed:
    """Source with a share of malformed messages; every message of the wrapped source is still sent."""

    def __init__(self, source: Source, rate: float, ids: PaymentIds, random: Random) -> None:
        self._source = source
        self._rate = rate
        self._ids = ids
        self._random = random
        self._rng = np.random.default_rng(random.getrandbits(64))

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return `count` messages, each of them malformed with the given probability."""
        broken = [self._random.random() < self._rate for _ in range(count)]
        wanted = broken.count(False)
        good = self._source.take(wanted, now_ms)
        if len(good) < wanted:
            return good
        rest, bad = iter(good), simulate(self._rng, broken.count(True)).rows()
        return [self._broken(next(bad), now_ms) if is_broken else next(rest) for is_broken in broken]

    def _broken(self, values: Fields, now_ms: int) -> KeyedMessage:
        (payment_id,) = self._ids.take(1)
        value = self._random.choice(tuple(BROKEN.values()))({ID: payment_id, **values})
        return KeyedMessage(b"%d" % payment_id, value, now_ms)
