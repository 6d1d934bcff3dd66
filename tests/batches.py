"""Record batches for tests, and a decoder of them that shares no code with the product's decoder."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

HEADER_BYTES = 61
_CRC_AT, _CHECKED_FROM = 17, 21


class Sent(NamedTuple):
    """A record as it was put into a batch."""

    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class Decoded(NamedTuple):
    """A record as the independent decoder reads it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def batch(records: Sequence[Sent], base_offset: int = 0, codec: int = 0) -> bytes:
    """Return the bytes of one batch, as a broker stores it."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 26)
    for number, record in enumerate(records):
        builder.append(number, record.timestamp, record.key, record.value, list(record.headers))
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base_offset)
    return bytes(data)


def with_crc(data: bytes) -> bytes:
    """Return the batch with a correct checksum, if it is long enough to have one."""
    if len(data) < _CHECKED_FROM:
        return data
    changed = bytearray(data)
    struct.pack_into(">I", changed, _CRC_AT, calc_crc32c(bytes(changed[_CHECKED_FROM:])))
    return bytes(changed)


def record_spans(data: bytes) -> list[tuple[int, int]]:
    """Return the start and end of each record of a valid, uncompressed batch, its length field included."""
    spans, at = [], HEADER_BYTES
    while at < len(data):
        length, begin = _varint(data, at)
        spans.append((at, begin + length))
        at = begin + length
    return spans


def decoded(data: bytes, span: tuple[int, int]) -> Decoded | None:
    """Decode the record in that span strictly; None if any byte of its frame is wrong."""
    base = struct.unpack_from(">q", data, 0)[0]
    first_timestamp = struct.unpack_from(">q", data, 27)[0]
    try:
        return _record(data[: span[1]], span[0], base, first_timestamp)
    except (IndexError, ValueError):
        return None


def _record(data: bytes, at: int, base: int, first_timestamp: int) -> Decoded:
    length, at = _varint(data, at)
    if at + length != len(data):
        raise ValueError
    timestamp, at = _varint(data, at + 1)
    offset, at = _varint(data, at)
    key, at = _field(data, at)
    value, at = _field(data, at)
    count, at = _varint(data, at)
    if count < 0:
        raise ValueError
    for _ in range(count):
        name, at = _field(data, at)
        _, at = _field(data, at)
        if name is None:
            raise ValueError
    if at != len(data):
        raise ValueError
    return Decoded(base + offset, first_timestamp + timestamp, key, value)


def _field(data: bytes, at: int) -> tuple[bytes | None, int]:
    size, at = _varint(data, at)
    if size < 0:
        return None, at
    if at + size > len(data):
        raise ValueError
    return data[at : at + size], at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return (number // 2 if number % 2 == 0 else -(number + 1) // 2), at
        if shift > 63:
            raise ValueError
