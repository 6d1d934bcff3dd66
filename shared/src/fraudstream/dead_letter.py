"""Records of the dead-letter topic: letters, each with its reason and origin, and markers of replayed letters.

A letter is the original message, byte for byte, followed by our headers; a marker has no value, is in its letter's
partition, and names the letter by its offset there. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fraudstream.payment import InvalidPayment
from fraudstream.record import Headers, Record, Unreadable

REPLAY_OF = "replay.of"
"""Header that links a replayed message to its letter: topic/partition/offset."""
REDUCED_LETTER = "dlq"
"""Prefix of the headers that describe the parts of a message that were too large for the topic."""
_REPLAYED_OFFSET, _REPLAYED_AS, _REPLAYED_AGAIN = "dlq.replayed_offset", "dlq.replayed_as", "dlq.replayed_again"
_FORMAT, _LAST_OFFSET = "dlq.format", "dlq.last_offset"
_EDITED, _UNCHANGED = b"mended", b"unchanged"
_OWN_HEADER_BYTES = 4_000
"""Maximum size of one of our headers: a detail has 300 characters."""
_OFFSET_DIGITS = 18
"""Maximum length of an offset."""


class Removed(NamedTuple):
    """A key, or all headers, removed from a letter because they were too large: which of them, size and SHA-256."""

    part: str
    bytes: int
    sha256: str


class Place(NamedTuple):
    """Position and timestamp of a record in Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int

    @property
    def text(self) -> str:
        """The text that names the place in logs, commands and on the page."""
        return place_text(self.topic, self.partition, self.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be scored. `partition` and `offset` are the letter's own, `source` is the message's.

    `key`, `value` and `headers` are the original's; too large a value is cut, and `value_bytes` is its full length.
    """

    partition: int
    offset: int
    source: Place
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None
    value_bytes: int
    headers: Headers
    removed: Sequence[Removed] = ()
    format: str = ""
    """Format of the value if it is a damaged record or batch; empty if it is a message's value."""

    @property
    def is_cut(self) -> bool:
        """Whether the topic holds only the beginning of the value."""
        return self.value_bytes > len(self.value or b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A marker: the letter at `letter_offset` of the marker's partition was sent to the input again.

    `again` is True if it had been replayed before, and the user asked for another replay.
    """

    partition: int
    offset: int
    letter_offset: int
    timestamp_ms: int
    edited: bool
    again: bool


def place_text(topic: str, partition: int, offsets: int | str) -> str:
    """Return the text that names a place in Kafka, TOPIC/PARTITION/OFFSET, or several in a partition."""
    return f"{topic}/{partition}/{offsets}"


def raw_headers(unreadable: Unreadable) -> Headers:
    """Return the headers that describe the value of a letter made from an unreadable record or batch."""
    headers: Headers = [(_FORMAT, unreadable.format.encode())]
    if unreadable.is_batch:
        headers.append((_LAST_OFFSET, str(unreadable.last_offset).encode()))
    return headers


def dead_letter_headers(place: Place, invalid: InvalidPayment) -> Headers:
    """Return the headers that state why a message could not be scored, and its position."""
    return [
        ("dlq.reason", invalid.reason.encode()),
        ("dlq.detail", invalid.detail.encode(errors="backslashreplace")),
        ("dlq.topic", place.topic.encode()),
        ("dlq.partition", str(place.partition).encode()),
        ("dlq.offset", str(place.offset).encode()),
        ("dlq.timestamp", str(place.timestamp_ms).encode()),
    ]


def dead_letter(partition: int, record: Record) -> DeadLetter | None:
    """Return the letter in a record of the dead-letter topic; None if it is a marker, or not written by us."""
    headers = list(record.headers)
    first_own = _first_own_header(headers)
    if first_own is None:
        return None
    ours = {
        name: (value or b"")[:_OWN_HEADER_BYTES].decode(errors="backslashreplace")
        for name, value in headers[first_own:]
    }
    try:
        source = Place(
            topic=ours["dlq.topic"],
            partition=int(ours["dlq.partition"]),
            offset=int(ours["dlq.offset"]),
            timestamp_ms=int(ours.get("dlq.timestamp", record.timestamp)),
        )
        value_bytes = int(ours.get("dlq.value_bytes", len(record.value or b"")))
        removed = _removed(ours)
    except (KeyError, ValueError):
        return None
    return DeadLetter(
        partition=partition,
        offset=record.offset,
        source=source,
        reason=ours["dlq.reason"],
        detail=ours.get("dlq.detail", ""),
        key=record.key,
        value=record.value,
        value_bytes=value_bytes,
        headers=headers[:first_own],
        format=ours.get(_FORMAT, ""),
        removed=removed,
    )


def replayed(partition: int, record: Record) -> Replayed | None:
    """Return the marker in a record of the dead-letter topic; None if it is a letter, or not written by us."""
    headers = {name: value or b"" for name, value in record.headers}
    # a letter may have such a header from its own message
    offset = headers.get(_REPLAYED_OFFSET, b"")
    if record.value is not None or "dlq.reason" in headers or not (offset.isdigit() and len(offset) <= _OFFSET_DIGITS):
        return None
    if int(offset) >= record.offset:  # a marker always follows its letter
        return None
    return Replayed(
        partition=partition,
        offset=record.offset,
        letter_offset=int(offset),
        timestamp_ms=record.timestamp,
        edited=headers.get(_REPLAYED_AS) == _EDITED,
        again=headers.get(_REPLAYED_AGAIN) == b"yes",
    )


def marker_headers(letter: DeadLetter, *, edited: bool, again: bool) -> Headers:
    """Return the headers of the marker for a replay of `letter`."""
    return [
        (_REPLAYED_OFFSET, str(letter.offset).encode()),
        (_REPLAYED_AS, _EDITED if edited else _UNCHANGED),
        (_REPLAYED_AGAIN, b"yes" if again else b"no"),
    ]


def replay_headers(letter: DeadLetter, topic: str) -> Headers:
    """Return the original's headers and a link to its letter in `topic`, which replaces a link to an earlier letter."""
    kept = [(name, value) for name, value in letter.headers if name != REPLAY_OF]
    return [*kept, (REPLAY_OF, place_text(topic, letter.partition, letter.offset).encode())]


def _removed(ours: Mapping[str, str]) -> list[Removed]:
    return [
        Removed(part, int(ours[f"dlq.{part}_bytes"]), ours.get(f"dlq.{part}_sha256", ""))
        for part in ("key", "headers")
        if f"dlq.{part}_bytes" in ours
    ]


def _first_own_header(headers: Sequence[tuple[str, bytes | None]]) -> int | None:
    # ours come last: the message may have had headers of the same names
    return next((index for index in reversed(range(len(headers))) if headers[index][0] == "dlq.reason"), None)
