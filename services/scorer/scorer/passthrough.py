"""Beginnings of scored records: the received objects, to which our fields are added, so that no field is lost. Pure.

The received bytes are kept as they are where our fields can be appended safely. An object with one of our names, or
with a name that occurs twice, is written again without these: a reader must not take a sender's field for ours.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import pydantic_core

from fraudstream.payment import excess
from fraudstream.payment_schema import PaymentSchema, is_ours, place
from fraudstream.payment_values import member
from fraudstream.scored_payment import DOUBLED, MOST_VALUES, RESERVED, TOO_LARGE, UNREADABLE

REPLACED = frozenset({UNREADABLE, TOO_LARGE})
"""Causes for which the record has the declared fields only."""

_STRINGS = re.compile(rb'"((?:[^"\\]|\\.)*+)"([ \t\r\n]*+:)?', re.DOTALL)
_APART = (b" :", b"\t:", b"\n:", b"\r:")
"""A colon with white space before it, as it may follow a key; or such a text."""


class Received(NamedTuple):
    """Objects without their last brace, and the cause of each removal of fields, by row number."""

    heads: list[str]
    removed: dict[int, str]


class PassThrough:
    """The beginnings of scored records for payments of a schema."""

    def __init__(self, schema: PaymentSchema) -> None:
        fields = schema.fields.values()
        parents = {one.path[:length] for one in fields for length in range(1, len(one.path))}
        self._secrets = [place(one) for one in fields if one.secret]
        self._moved = {one.path: place(one) for one in fields if one.path != place(one)}
        """Declared fields with a name of ours: in the record they have their names in outputs."""
        self._taken = {path[0] for path in self._moved.values()}
        """Names of moved fields in the record, which another member with such a name must not have."""
        self._declared_ours = {path[0] for path in self._moved if len(path) == 1}
        is_fixed = all(one.required for one in fields) and not self._moved and not self._secrets
        self._members = len(fields) + len(parents) if is_fixed else 0
        """Number of members of a payment that has the declared ones only; 0 if that differs between payments."""

    def passed(self, received: Sequence[bytes], declared: Callable[[int], str]) -> Received:
        """Return the objects of valid payments; *declared* returns that of a row's declared fields, to replace others.

        An object is replaced if it can't be parsed again, or has more values than a reader accepts.
        """
        joined = b"\0".join([*received, b""])
        if self._have_no_others(joined, len(received)):
            *heads, _ = joined.decode().split("}\0")
            if len(heads) == len(received):
                return Received(heads, {})
        heads, removed = [], {}
        for row, value in enumerate(received):
            head, cause = self._head(value, partial(declared, row))
            heads.append(declared(row)[:-1] if cause in REPLACED else head)
            if cause:
                removed[row] = cause
        return Received(heads, removed)

    def _have_no_others(self, joined: bytes, payments: int) -> bool:
        """Return whether these payments have no member that is not declared, and none twice.

        Where all fields are required, a valid payment has as many keys at least as the schema. With no more keys in
        all, none has another one.
        """
        return self._members > 0 and _has_keys(joined, self._members * payments)

    def _head(self, received: bytes, declared: Callable[[], str]) -> tuple[str, str]:
        """Return the object without its last brace, and why some of its members are missing; empty if none is."""
        try:
            members = pydantic_core.from_json(received)
        except ValueError:  # in a field that the validator ignores
            return "", UNREADABLE
        ours, count = set(filter(is_ours, members)) | (self._taken & members.keys()), _count_keys(members)
        reserved, doubled = not ours <= self._declared_ours, False
        if ours or self._secrets or not _has_keys(received, count):
            keys = [key for key, colon in _STRINGS.findall(received) if colon]
            doubled = len(keys) != count
            if ours or self._secrets or doubled or any(b"\\" in key for key in keys):
                kept = self._kept(members, pydantic_core.from_json(declared()) if self._secrets else {})
                received = pydantic_core.to_json(kept, inf_nan_mode="null")
        if excess(received, MOST_VALUES):
            return "", TOO_LARGE
        return received.decode().rstrip(" \t\r\n")[:-1], RESERVED if reserved else DOUBLED if doubled else ""

    def _kept(self, members: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
        """Return the members without those that have a name of ours, and with the tokens of secret fields."""
        kept = {name: member for name, member in members.items() if not is_ours(name) and name not in self._taken}
        for path, new_path in self._moved.items():
            if (found := member(members, path)) is not None:
                kept[new_path[0]] = found
        for path in self._secrets:
            if (token := member(declared, path)) is not None:
                _set(kept, path, token)
        return kept


def _set(members: dict[str, Any], path: Sequence[str], value: object) -> None:
    """Set the member at a path; objects that are missing, or null, are made."""
    *parents, last = path
    for key in parents:
        inner = members.get(key)
        if not isinstance(inner, dict):
            inner = members[key] = {}
        members = inner
    members[last] = value


def _has_keys(text: bytes, count: int) -> bool:
    """Return whether JSON objects have `count` keys, the least that there can be; False where that is not certain.

    There is a colon after each key. Texts have colons too: but without a backslash, quotes are only at the ends of
    strings, so that a quote directly before a colon ends a key, or begins a text that begins with a colon.
    """
    return text.count(b":") == count or (
        text.count(b'":') == count and b"\\" not in text and not any(map(text.__contains__, _APART))
    )


def _count_keys(value: object) -> int:
    """Return the number of members of all objects in *value*."""
    count, left = 0, [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            count += len(one)
            left += one.values()
        elif isinstance(one, list):
            left += one
    return count
