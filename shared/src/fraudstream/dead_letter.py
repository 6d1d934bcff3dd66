"""The dead-letter topic's records: letters, each with why and whence, and markers that say which letter was replayed.

A letter is the original, byte for byte, followed by headers of ours; a marker has no value, stands in its letter's
partition, and names the letter by its offset there. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fraudstream.payment import InvalidPayment
from fraudstream.record import Record, Unreadable

Headers = list[tuple[str, bytes | None]]

REPLAY_OF = "replay.of"
"""The header by which a replayed message links to its letter: topic/partition/offset."""
REDUCED_LETTER = "dlq"
"""How the headers begin that describe what of a message was too large for the topic."""
_REPLAYED_OFFSET, _REPLAYED_AS, _REPLAYED_AGAIN = "dlq.replayed_offset", "dlq.replayed_as", "dlq.replayed_again"
_FORMAT, _LAST_OFFSET = "dlq.format", "dlq.last_offset"
_MENDED, _UNCHANGED = b"mended", b"unchanged"
_OURS_BYTES = 4_000
"""Of one of our headers, at most: a detail has 300 characters."""
_DIGITS = 18
"""Of an offset, at most."""


class Removed(NamedTuple):
    """A key, or all headers, that a letter lacks because they were too large: which of them, size and SHA-256."""

    part: str
    bytes: int
    sha256: str


class Place(NamedTuple):
    """Where a record stands in Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be scored. `partition` and `offset` are the letter's own, `source` is the message's.

    `key`, `value` and `headers` are the original's; a value that was too large is cut, and `value_bytes` its length.
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
    """What the value's bytes are where they are no message's value: a damaged record or batch."""

    @property
    def is_cut(self) -> bool:
        """Whether the topic holds only the value's beginning."""
        return self.value_bytes > len(self.value or b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A marker: the letter at `letter_offset` of the marker's partition was sent to the input again.

    `again` is True where it had been replayed before, and somebody wanted that.
    """

    partition: int
    offset: int
    letter_offset: int
    timestamp_ms: int
    mended: bool
    again: bool


def raw_headers(unreadable: Unreadable) -> Headers:
    """Return the headers that say what the value is of a letter of what could not be read."""
    headers: Headers = [(_FORMAT, unreadable.format.encode())]
    if unreadable.is_batch:
        headers.append((_LAST_OFFSET, str(unreadable.last_offset).encode()))
    return headers


def dead_letter_headers(place: Place, invalid: InvalidPayment) -> Headers:
    """The headers that tell why a message could not be scored, and where it stood."""
    return [
        ("dlq.reason", invalid.reason.encode()),
        ("dlq.detail", invalid.detail.encode(errors="backslashreplace")),
        ("dlq.topic", place.topic.encode()),
        ("dlq.partition", str(place.partition).encode()),
        ("dlq.offset", str(place.offset).encode()),
        ("dlq.timestamp", str(place.timestamp_ms).encode()),
    ]


def dead_letter(partition: int, record: Record) -> DeadLetter | None:
    """A record of the dead-letter topic as a letter; None where it is a marker, or none of ours."""
    headers = list(record.headers)
    begin = _beginning_of_ours(headers)
    if begin is None:
        return None
    ours = {name: (value or b"")[:_OURS_BYTES].decode(errors="backslashreplace") for name, value in headers[begin:]}
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
        headers=headers[:begin],
        format=ours.get(_FORMAT, ""),
        removed=removed,
    )


def replayed(partition: int, record: Record) -> Replayed | None:
    """A record of the dead-letter topic as a marker; None where it is a letter, or none of ours."""
    headers = {name: value or b"" for name, value in record.headers}
    # a letter may carry such a header: its own message's
    offset = headers.get(_REPLAYED_OFFSET, b"")
    if record.value is not None or "dlq.reason" in headers or not (offset.isdigit() and len(offset) <= _DIGITS):
        return None
    if int(offset) >= record.offset:  # nobody can have replayed a letter that is not there yet
        return None
    return Replayed(
        partition=partition,
        offset=record.offset,
        letter_offset=int(offset),
        timestamp_ms=record.timestamp,
        mended=headers.get(_REPLAYED_AS) == _MENDED,
        again=headers.get(_REPLAYED_AGAIN) == b"yes",
    )


def marker_headers(letter: DeadLetter, *, mended: bool, again: bool) -> Headers:
    """The headers of the marker that goes with a replay of `letter`."""
    return [
        (_REPLAYED_OFFSET, str(letter.offset).encode()),
        (_REPLAYED_AS, _MENDED if mended else _UNCHANGED),
        (_REPLAYED_AGAIN, b"yes" if again else b"no"),
    ]


def replay_headers(letter: DeadLetter, topic: str) -> Headers:
    """The original's headers and the link to its letter in `topic`, instead of one to an earlier letter."""
    kept = [(name, value) for name, value in letter.headers if name != REPLAY_OF]
    return [*kept, (REPLAY_OF, f"{topic}/{letter.partition}/{letter.offset}".encode())]


def _removed(ours: Mapping[str, str]) -> list[Removed]:
    return [
        Removed(part, int(ours[f"dlq.{part}_bytes"]), ours.get(f"dlq.{part}_sha256", ""))
        for part in ("key", "headers")
        if f"dlq.{part}_bytes" in ours
    ]


def _beginning_of_ours(headers: Sequence[tuple[str, bytes | None]]) -> int | None:
    # ours are the last ones of their names: the message may have had the same
    return next((index for index in reversed(range(len(headers))) if headers[index][0] == "dlq.reason"), None)
