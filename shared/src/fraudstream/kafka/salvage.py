"""A record batch that aiokafka's parser refuses, read record by record: what is sound of it is a record. Pure."""

import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from fraudstream.record import Record, Unreadable

HEADER = struct.Struct(">qiibIhiqqqhii")
"""Of format 2; records follow it."""
_LOG_APPEND_TIME = 0x08
_INT64 = range(-(2**63), 2**63)
_VARINT_BYTES, _VARLONG_BYTES = 5, 10
_SEARCHED_BYTES = 256 << 10
"""How far a batch is searched for the end of damaged records, in bytes and headers, all together: 0.5 s at most."""
_MISSING_RECORDS = 256 << 10
"""How many records a batch may lack: its header may state any number."""
MOST_PARTS = 250_000
"""Records and headers of a batch, all together: so many take 60 MB once they are parsed, beside their content."""
_ELSEWHERE = "its bytes can't be separated from those of the damaged record before it"

Headers = list[tuple[str, bytes | None]]


class UndecodableError(ValueError):
    """A batch's records can't be separated; the message gives the reason."""


def check_parts(parts: int) -> None:
    """Raise UndecodableError where a batch has more records and headers than MOST_PARTS."""
    if parts > MOST_PARTS:
        raise UndecodableError(f"it has more than {MOST_PARTS:,} records and headers")


class BatchHeader(NamedTuple):
    """A batch's header, as `HEADER` unpacks it."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """A record that aiokafka's parser refuses although key and value are readable."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Salvage:
    """Parses one batch record by record.

    Each record states its length, so that a damaged one ends where it says, as long as all lengths add up. Where they
    do not, the next sound record is searched for.
    """

    def __init__(self, data: memoryview) -> None:
        header = BatchHeader(*HEADER.unpack_from(data))
        self._base = header.base_offset
        self._first_ms, self._max_ms = header.first_timestamp, header.max_timestamp
        self._appended = bool(header.attributes & _LOG_APPEND_TIME)
        self._last_delta, self._count = header.last_delta, header.record_count
        self._is_dense = header.record_count == header.last_delta + 1
        self._data = bytes(data[HEADER.size :])
        self._to_search = _SEARCHED_BYTES
        self._to_report = _MISSING_RECORDS

    def records(self) -> Sequence[Record | Unreadable]:
        """Return the batch's offsets, each as a record or an `Unreadable`, without those that compaction removed."""
        found: list[Record | Unreadable] = []
        at, delta, parts, adds_up = 0, 0, 0, self._adds_up()
        while at < len(self._data) and delta <= self._last_delta:
            parsed = self._parsed(at, delta, delta if self._is_dense else self._last_delta)
            if parsed:
                record, at = parsed
                found.append(record)
                parts += 1 + len(record.headers)
                check_parts(parts)
                delta = record.offset - self._base + 1
                continue
            begin, end, following = self._framed(at, delta) if adds_up else self._damaged(at, delta)
            found.append(self._unreadable(delta, self._data[begin:end], "its bytes are damaged"))
            found += self._elsewhere(range(delta + 1, following))
            at, delta = end, following
        if at < len(self._data):
            raise UndecodableError("it has more bytes than its header allows for")
        return found + self._missing(len(found), delta)

    def _adds_up(self) -> bool:
        """Whether the lengths of all records, one after the other, reach just the end."""
        at = count = 0
        try:
            while at < len(self._data):
                length, begin = varint(self._data, at, _VARINT_BYTES)
                if length <= 0:
                    return False
                at, count = begin + length, count + 1
        except (ValueError, IndexError):
            return False
        return at == len(self._data) and count == self._count

    def _framed(self, at: int, delta: int) -> tuple[int, int, int]:
        length, begin = varint(self._data, at, _VARINT_BYTES)
        return begin, begin + length, delta + 1

    def _damaged(self, at: int, delta: int) -> tuple[int, int, int]:
        """Return where the damaged record at `at` begins and ends, and the delta of the record that follows it."""
        with suppress(ValueError, IndexError):
            begin, end, following = self._framed(at, delta)
            if at < end and self._parsed(end, following, following):
                return begin, end, following
        until = min(len(self._data), at + 1 + self._to_search)
        for candidate in range(at + 1, until):
            self._to_search -= 1
            if self._to_search < 0:  # what looks like a record may have many headers
                break
            if parsed := self._parsed(candidate, delta + 1, self._last_delta):
                return at, candidate, parsed[0].offset - self._base if self._is_dense else delta + 1
        return at, len(self._data), delta + 1

    def _missing(self, found: int, delta: int) -> list[Unreadable]:
        """Return placeholders for records that the header counts and the bytes do not contain."""
        if found >= self._count or delta > self._last_delta:
            return []
        deltas = range(delta, self._last_delta + 1) if self._is_dense else range(delta, delta + 1)
        return self._elsewhere(deltas)

    def _elsewhere(self, deltas: range) -> list[Unreadable]:
        """Return placeholders for records whose bytes can't be found."""
        self._to_report -= len(deltas)
        if self._to_report < 0:
            raise UndecodableError("it has fewer records than its header counts")
        return [self._unreadable(one, b"", _ELSEWHERE) for one in deltas]

    def _unreadable(self, delta: int, raw: bytes, damage: str) -> Unreadable:
        offset = self._base + delta
        return Unreadable(
            offset=offset, last_offset=offset, timestamp=self._max_ms, damage=damage, raw=raw, is_batch=False
        )

    def _parsed(self, at: int, least: int, most: int) -> tuple[Parsed, int] | None:
        """The sound record at `at` and where it ends, if there is one, `least` to `most` offsets after the base."""
        data = self._data
        try:
            length, begin = varint(data, at, _VARINT_BYTES)
            end = begin + length
            if length <= 0 or end > len(data):
                return None
            timestamp_delta, at = varint(data, begin + 1, _VARLONG_BYTES)  # after the attributes, which are unused
            delta, at = varint(data, at, _VARINT_BYTES)
            if not least <= delta <= most:
                return None
            key, at = _bytes(data, at, end)
            value, at = _bytes(data, at, end)
            headers, at = self._headers(at, end)
        except (ValueError, IndexError):
            return None
        timestamp = self._max_ms if self._appended else self._first_ms + timestamp_delta
        if at != end or timestamp not in _INT64:
            return None
        return Parsed(self._base + delta, timestamp, int(self._appended), key, value, headers), end

    def _headers(self, at: int, end: int) -> tuple[Headers, int]:
        count, at = varint(self._data, at, _VARINT_BYTES)
        if count not in range(min(end - at, MOST_PARTS) + 1):
            raise ValueError("header count")
        headers: Headers = []
        for _ in range(count):
            self._to_search -= 1
            name, at = _bytes(self._data, at, end)
            value, at = _bytes(self._data, at, end)
            if name is None:
                raise ValueError("header without a name")
            headers.append((name.decode(errors="backslashreplace"), value))
        return headers, at


def _bytes(data: bytes, at: int, end: int) -> tuple[bytes | None, int]:
    size, at = varint(data, at, _VARINT_BYTES)
    if size < 0:
        return None, at
    if at + size > end:
        raise ValueError("length")
    return data[at : at + size], at + size


def varint(data: bytes | memoryview, at: int, most: int) -> tuple[int, int]:
    """Read a zigzag-encoded integer of at most `most` bytes. Raises ValueError, or IndexError at the data's end."""
    value = 0
    for shift in range(0, 7 * most, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
    raise ValueError("varint")
