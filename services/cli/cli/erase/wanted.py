"""The payments to erase, and their recognition in records, dead letters and CSV rows. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from fraudstream.scored_payment import cells

_MOST_SEARCHED = 50
_NAME, _ESCAPE = b"payment_id", b"\\u00"
_ESCAPED_NAME = b"".join(rb"(?:%c|(?i:\\u00%02x))" % (one, one) for one in _NAME)
"""JSON allows each character of a name to be an escape. Matching this is five times slower."""


class ScoredPlace(NamedTuple):
    """Place of a scored payment in the input topic, and its id, as a re-created topic repeats places."""

    partition: int
    offset: int
    payment_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Payments to erase by their id, and records to erase by their Kafka key."""

    payment_ids: frozenset[int] = frozenset()
    keys: frozenset[bytes] = frozenset()
    _digits: re.Pattern[bytes] = field(init=False)
    _id_in_text: re.Pattern[bytes] = field(init=False)
    _id_in_escapes: re.Pattern[bytes] = field(init=False)

    def __post_init__(self) -> None:
        ids = b"|".join(b"%d" % one for one in sorted(self.payment_ids)) or b"(?!)"
        object.__setattr__(self, "_digits", re.compile(rb"(?<!\d)(?:" + ids + rb")(?!\d)"))
        # also within JSON in a string, in invalid JSON, in other quotes, and as a number with a decimal point
        text = rb"[\\\"'\s]*[:=][\\\"'\s\[+nrt]*(?:" + ids + rb")(?:\.0*)?(?![\d.])"
        object.__setattr__(self, "_id_in_text", re.compile(_NAME + text))
        object.__setattr__(self, "_id_in_escapes", re.compile(_ESCAPED_NAME + text))

    def has_key(self, key: bytes | None) -> bool:
        """Return whether the record's key is one of the keys."""
        return key is not None and key in self.keys

    def may_be_in(self, value: bytes | None) -> bool:
        """Return whether `value` contains the digits of an id; if not, it is not a payment with one of the ids."""
        return value is not None and self._digits.search(value) is not None

    def names_payment(self, value: bytes | None) -> bool:
        """Return whether `value`, which may be invalid JSON, has one of the ids as its payment_id."""
        if value is None:
            return False
        pattern = self._id_in_escapes if _ESCAPE in value else self._id_in_text
        return pattern.search(value) is not None


class Rows:
    """CSV rows of payments, recognised by id, or by place and id."""

    def __init__(self, payment_ids: Collection[int], places: Collection[ScoredPlace]) -> None:
        self._ids = frozenset(b"%d" % one for one in payment_ids)
        self._places = frozenset((b"%d" % one.partition, b"%d" % one.offset, b"%d" % one.payment_id) for one in places)
        self._searched = self._ids.union(payment_id for _, _, payment_id in self._places)

    def may_be_in(self, block: bytes) -> bool:
        """Return whether a line of `block` may match; always true above 50 ids."""
        return len(self._searched) > _MOST_SEARCHED or any(one in block for one in self._searched)

    def match(self, line: bytes) -> bool:
        """Return whether `line` is one of the rows; for a damaged line, whether one of its cells is an id."""
        try:
            row = cells(line)
        except ValueError:
            return not self._ids.isdisjoint(line.rstrip(b"\r\n").split(b","))
        payment_id = row["payment_id"]
        return payment_id in self._ids or (row["partition"], row["offset"], payment_id) in self._places
