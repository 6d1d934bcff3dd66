"""Records of the scored and the dead-letter topic, as the scorer writes them and as a client returns them."""

from datetime import UTC, datetime
from typing import NamedTuple, Self

from fraudstream.dead_letter import Place, dead_letter_headers
from fraudstream.payment import InvalidPayment

_UNSCORABLE = b'{"payment_id":'
_WHY = InvalidPayment(
    reason="invalid_json",
    detail="EOF while parsing a value at line 1 column 14: the value ends too early; send the whole object",
)


class Record(NamedTuple):
    """A record that has been read."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp_type: int | None = 0


class Template(NamedTuple):
    """A scored payment before it is scored: its key, and its value before and after the time."""

    key: bytes
    head: bytes
    tail: bytes

    @classmethod
    def of(cls, key: bytes, value: bytes, mark: bytes) -> Self:
        """Split a value at `mark`, which is in the place of the time."""
        head, _, tail = value.partition(mark)
        return cls(key, head, tail)

    def value(self, scored_at: bytes) -> bytes:
        """Return the payment's value, scored at this time."""
        return self.head + scored_at + self.tail


def scored_at(now_s: float) -> bytes:
    """Return a time (s since 1970) as the scorer writes it."""
    return datetime.fromtimestamp(now_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def dead_letter(offset: int, timestamp_ms: int) -> Record:
    """Return the dead letter of a message that was not JSON."""
    headers = dead_letter_headers(Place("payments", 0, offset, timestamp_ms), _WHY)
    return Record(offset, timestamp_ms, b"%d" % offset, _UNSCORABLE, headers)
