"""Beginnings of scored records: the received objects, to which our fields are added, so that no field is lost. Pure.

The received bytes are kept as they are where our fields can be appended safely. An object with one of our names, or
with a name that occurs twice, is written again without these: a reader must not take a sender's field for ours.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pydantic_core

from fraudstream.payment import FIELDS, excess
from fraudstream.scored_payment import DOUBLED, MOST_VALUES, RESERVED, TOO_LARGE, UNREADABLE, is_ours

REPLACED = frozenset({UNREADABLE, TOO_LARGE})
"""Causes for which the record has the declared fields only."""

_STRINGS = re.compile(rb'"((?:[^"\\]|\\.)*+)"([ \t\r\n]*+:)?', re.DOTALL)


class Received(NamedTuple):
    """Objects without their last brace, and the cause of each removal of fields, by row number."""

    heads: list[str]
    removed: dict[int, str]


def passed(received: Sequence[bytes], declared: Callable[[int], str]) -> Received:
    """Return the objects of valid payments; *declared* returns that of a row's declared fields, which replaces others.

    An object is replaced if it can't be parsed again, or has more values than a reader accepts.
    """
    joined = b"\0".join([*received, b""])
    if _have_no_others(joined, len(received)):
        *heads, _ = joined.decode().split("}\0")
        if len(heads) == len(received):
            return Received(heads, {})
    heads, removed = [], {}
    for row, value in enumerate(received):
        head, cause = _head(value)
        heads.append(declared(row)[:-1] if cause in REPLACED else head)
        if cause:
            removed[row] = cause
    return Received(heads, removed)


def _have_no_others(joined: bytes, payments: int) -> bool:
    """Return whether these payments have no member that is not declared.

    A valid payment has a colon for each declared field: with no more in all, none has another member or a text.
    """
    colons = int(np.count_nonzero(np.frombuffer(joined, dtype=np.uint8) == ord(":")))
    return colons == len(FIELDS) * payments


def _head(received: bytes) -> tuple[str, str]:
    """Return the object without its last brace, and why some of its members are missing; empty if none is."""
    try:
        members = pydantic_core.from_json(received)
    except ValueError:  # in a field that the validator ignores
        return "", UNREADABLE
    keys = [key for key, colon in _STRINGS.findall(received) if colon]
    reserved, doubled = any(map(is_ours, members)), len(keys) != _count_keys(members)
    if reserved or doubled or any(b"\\" in key for key in keys):
        kept = {name: member for name, member in members.items() if not is_ours(name)}
        received = pydantic_core.to_json(kept, inf_nan_mode="null")
    if excess(received, MOST_VALUES):
        return "", TOO_LARGE
    return received.decode().rstrip(" \t\r\n")[:-1], RESERVED if reserved else DOUBLED if doubled else ""


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
