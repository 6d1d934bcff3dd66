"""Record-by-record parsing of a batch that aiokafka's parser refuses, to keep its sound records. Pure."""

import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from fraudstream.record import Headers, Record, Unreadable

HEADER = struct.Struct(">qiibIhiqqqhii")
"""Header of a batch of format 2; the records follow it."""
_LOG_APPEND_TIME = 0x08
_INT64 = range(-(2**63), 2**63)
_VARINT_BYTES, _VARLONG_BYTES = 5, 10
_SEARCHED_BYTES = 256 << 10
"""Limit on the search for the end of damaged records in a batch, in bytes plus headers: 0.5 s at most."""
_MISSING_RECORDS = 256 << 10
"""Limit on the records missing from a batch: its header may state any number."""
MOST_PARTS = 250_000
"""Limit on the records plus headers of a batch: that many take 60 MB once parsed, in addition to their content."""
_NOT_LOCATED = "its bytes can't be separated from those of the damaged record before it"


class UndecodableError(ValueError):
    """A batch whose records can't be separated; the message gives the reason."""


def check_parts(parts: int) -> None:
    """Raise UndecodableError if a batch has more than MOST_PARTS records and headers."""
    if parts > MOST_PARTS:
        raise UndecodableError(f"it has more than {MOST_PARTS:,} records and headers")


class BatchHeader(NamedTuple):
    """Fields of a batch's header, as `HEADER` unpacks them."""

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
    """A record that aiokafka's parser refuses although its key and value are readable."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Salvage:
    """Parser of one batch, record by record.

    Each record states its length: if all lengths add up, a damaged record ends where its length indicates. Otherwise
    the next sound record is searched for.
    """

    def __init__(self, data: memoryview) -> None:
        header = BatchHeader(*HEADER.unpack_from(data))
        self._base = header.base_offset
        self._first_ms, self._max_ms = header.first_timestamp, header.max_timestamp
        self._appended = bool(header.attributes & _LOG_APPEND_TIME)
        self._last_delta, self._count = header.last_delta, header.record_count
        self._is_dense = header.record_count == header.last_delta + 1
        self._data = bytes(data[HEADER.size :])
        self._search_left = _SEARCHED_BYTES
        self._missing_left = _MISSING_RECORDS

    def records(self) -> Sequence[Record | Unreadable]:
        """Return a record or an `Unreadable` for each offset of the batch that compaction has not removed."""
        records: list[Record | Unreadable] = []
        at, delta, parts, adds_up = 0, 0, 0, self._lengths_add_up()
        while at < len(self._data) and delta <= self._last_delta:
            parsed = self._parse(at, delta, delta if self._is_dense else self._last_delta)
            if parsed:
                record, at = parsed
                records.append(record)
                parts += 1 + len(record.headers)
                check_parts(parts)
                delta = record.offset - self._base + 1
                continue
            begin, end, following = self._locate_by_length(at, delta) if adds_up else self._locate_damaged(at, delta)
            records.append(self._unreadable(delta, self._data[begin:end], "its bytes are damaged"))
            records += self._unlocated(range(delta + 1, following))
            at, delta = end, following
        if at < len(self._data):
            raise UndecodableError("it has more bytes than its header allows for")
        return records + self._missing_records(len(records), delta)

    def _lengths_add_up(self) -> bool:
        """Return whether the lengths of all records, as many as the header counts, end exactly where the data ends."""
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

    def _locate_by_length(self, at: int, delta: int) -> tuple[int, int, int]:
        length, begin = varint(self._data, at, _VARINT_BYTES)
        return begin, begin + length, delta + 1

    def _locate_damaged(self, at: int, delta: int) -> tuple[int, int, int]:
        """Return where the damaged record at `at` begins and ends, and the offset delta of the next record."""
        with suppress(ValueError, IndexError):
            begin, end, following = self._locate_by_length(at, delta)
            if at < end and self._parse(end, following, following):
                return begin, end, following
        until = min(len(self._data), at + 1 + self._search_left)
        for candidate in range(at + 1, until):
            self._search_left -= 1
            if self._search_left < 0:  # a false match may have many headers
                break
            if parsed := self._parse(candidate, delta + 1, self._last_delta):
                return at, candidate, parsed[0].offset - self._base if self._is_dense else delta + 1
        return at, len(self._data), delta + 1

    def _missing_records(self, found: int, delta: int) -> list[Unreadable]:
        """Return placeholders for records that the header counts but the data does not contain."""
        if found >= self._count or delta > self._last_delta:
            return []
        deltas = range(delta, self._last_delta + 1) if self._is_dense else range(delta, delta + 1)
        return self._unlocated(deltas)

    def _unlocated(self, deltas: range) -> list[Unreadable]:
        """Return placeholders for records whose bytes can't be located."""
        self._missing_left -= len(deltas)
        if self._missing_left < 0:
            raise UndecodableError("it has fewer records than its header counts")
        return [self._unreadable(delta, b"", _NOT_LOCATED) for delta in deltas]

    def _unreadable(self, delta: int, raw: bytes, damage: str) -> Unreadable:
        offset = self._base + delta
        return Unreadable(
            offset=offset, last_offset=offset, timestamp=self._max_ms, damage=damage, raw=raw, is_batch=False
        )

    def _parse(self, at: int, least: int, most: int) -> tuple[Parsed, int] | None:
        """Return the sound record at `at`, `least` to `most` offsets after the base, and its end; None if not found."""
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
            key, at = _read_bytes(data, at, end)
            value, at = _read_bytes(data, at, end)
            headers, at = self._parse_headers(at, end)
        except (ValueError, IndexError):
            return None
        timestamp = self._max_ms if self._appended else self._first_ms + timestamp_delta
        if at != end or timestamp not in _INT64:
            return None
        return Parsed(self._base + delta, timestamp, int(self._appended), key, value, headers), end

    def _parse_headers(self, at: int, end: int) -> tuple[Headers, int]:
        count, at = varint(self._data, at, _VARINT_BYTES)
        if count not in range(min(end - at, MOST_PARTS) + 1):
            raise ValueError("header count")
        headers: Headers = []
        for _ in range(count):
            self._search_left -= 1
            name, at = _read_bytes(self._data, at, end)
            value, at = _read_bytes(self._data, at, end)
            if name is None:
                raise ValueError("header without a name")
            headers.append((name.decode(errors="backslashreplace"), value))
        return headers, at


def _read_bytes(data: bytes, at: int, end: int) -> tuple[bytes | None, int]:
    size, at = varint(data, at, _VARINT_BYTES)
    if size < 0:
        return None, at
    if at + size > end:
        raise ValueError("length")
    return data[at : at + size], at + size


def varint(data: bytes | memoryview, at: int, most: int) -> tuple[int, int]:
    """Return the zigzag-encoded integer at `at` and its end. Raises IndexError at the end of the data.

    Raises ValueError if it has more than `most` bytes.
    """
    value = 0
    for shift in range(0, 7 * most, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
    raise ValueError("varint")
