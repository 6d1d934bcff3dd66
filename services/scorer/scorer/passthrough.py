"""Beginnings of scored records: the received objects, to which our fields are added, so that no field is lost. Pure.

The received bytes are kept as they are where our fields can be appended safely. An object with one of our names, or
with a name that occurs twice, is written again without these: a reader must not take a sender's field for ours.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pydantic_core

from fraudstream.payment import excess
from fraudstream.payment_schema import PaymentSchema
from fraudstream.scored_payment import DOUBLED, MOST_VALUES, RESERVED, TOO_LARGE, UNREADABLE, is_ours, place

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
        ours = [one for one in fields if is_ours(one.path[0])]
        self._renamed = {one.path: place(one)[0] for one in ours}
        all_required = all(one.required for one in fields) and not ours
        self._members = len(fields) + len(parents) if all_required else 0
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
            head, cause = self._head(value)
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

    def _head(self, received: bytes) -> tuple[str, str]:
        """Return the object without its last brace, and why some of its members are missing; empty if none is."""
        try:
            members = pydantic_core.from_json(received)
        except ValueError:  # in a field that the validator ignores
            return "", UNREADABLE
        reserved, count = any(map(is_ours, members)), _count_keys(members)
        doubled = False
        if reserved or not _has_keys(received, count):
            keys = [key for key, colon in _STRINGS.findall(received) if colon]
            doubled = len(keys) != count
            if reserved or doubled or any(b"\\" in key for key in keys):
                received = pydantic_core.to_json(self._kept(members), inf_nan_mode="null")
        if excess(received, MOST_VALUES):
            return "", TOO_LARGE
        return received.decode().rstrip(" \t\r\n")[:-1], RESERVED if reserved else DOUBLED if doubled else ""

    def _kept(self, members: dict[str, Any]) -> dict[str, Any]:
        """Return the members whose names are not ours; declared fields with such names have those of the outputs."""
        kept = {name: member for name, member in members.items() if not is_ours(name)}
        for path, column in self._renamed.items():
            found: Any = members
            for key in path:
                found = found.get(key) if isinstance(found, dict) else None
            if found is not None:
                kept[column] = found
        return kept


def _has_keys(text: bytes, count: int) -> bool:
    """Return whether JSON objects have `count` keys, each followed by its colon; False where that can't be told so.

    Without a backslash, quotes are only at the ends of strings. So a quote before a colon ends a key, or begins a text
    that begins with a colon: there are at most as many keys as such pairs. `count` is the least that there can be.
    """
    return text.count(b'":') == count and b"\\" not in text and not any(map(text.__contains__, _APART))


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
