"""Kafka's record batches, format 2: bytes of a fetch response → records, with damage confined to where it is. Pure.

aiokafka's parser raises at the first byte that it does not understand, which ends the reading of all partitions. Here
it parses sound batches only; a batch that it refuses is parsed again, record by record (`salvage`).

It reads a record's attributes, which are one byte and unused, as a varint. If they are 128 or more it refuses the
record, unless the key's length in bytes equals the record's index in the batch: key and timestamp are then wrong. A
check for that would cost 2 % of a payment's CPU.

The format: https://kafka.apache.org/39/documentation/#recordbatch
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch

from fraudstream.kafka.compression import DecompressionError, decompress
from fraudstream.kafka.frames import LENGTH, LENGTH_AT, OVERHEAD
from fraudstream.kafka.legacy import LegacyBatch
from fraudstream.kafka.salvage import HEADER, BatchHeader, Salvage, UndecodableError, check_parts, varint
from fraudstream.record import Record, Unreadable

_FORMAT = 2
_MAGIC_AT = 16
_MARKER = struct.Struct(">hh")
_LEGACY_BYTES = 26
"""Minimum size of a message in the older formats."""
_CODEC = 0x07
_ABORT = 0
_UNCOUNTED_BYTES = 2 << 20
"""A smaller batch takes at most 140 MB once parsed; 10,000 payments fit into it.

A record takes 7 bytes or more and a header 2, but 230 and 80 once parsed.
"""
_UNCOUNTED_RECORD_BYTES = 1 << 20
_VARINT_BYTES = 10
_CONTINUES = 0x80
_NO_TIMESTAMP = -1

_OVERFLOWS = (OverflowError, MemoryError)
"""Raised by aiokafka's parser if a length overflows its arithmetic; nothing of that size is allocated."""

Batch = Any
"""aiokafka's view of a batch with a sound frame. Only batches of format 2 have a producer id."""


def open_batch(data: memoryview) -> Batch:
    """Return the batch in `data`. Raises UndecodableError if its frame or checksum is wrong."""
    if len(data) < _LEGACY_BYTES or LENGTH.unpack_from(data, LENGTH_AT)[0] != len(data) - OVERHEAD:
        raise UndecodableError("it is truncated")
    magic = data[_MAGIC_AT]
    if magic > _FORMAT:
        raise UndecodableError(f"unknown record format {magic}")
    if magic == _FORMAT and len(data) < HEADER.size:
        raise UndecodableError("it is truncated")
    batch: Batch = DefaultRecordBatch(data) if magic == _FORMAT else LegacyBatch(data)
    if not batch.validate_crc():
        raise UndecodableError("its checksum is wrong")
    if magic == _FORMAT and not 0 <= batch.base_offset < batch.next_offset:
        raise UndecodableError("its header is damaged")
    return batch


def records_of(batch: Batch, data: memoryview) -> tuple[Sequence[Record | Unreadable], int]:
    """Return the records of `batch`, opened from `data`, and their uncompressed size in bytes.

    They are in ascending order of offset. Raises UndecodableError.
    """
    if batch.producer_id is None:
        records_of_older_format: tuple[Sequence[Record], int] = batch.records()
        return records_of_older_format
    if batch.compression_type:
        data = _decompress_batch(data)
        batch = DefaultRecordBatch(data)
    return _parse(batch, data), len(data)


def _parse(batch: Batch, data: memoryview) -> Sequence[Record | Unreadable]:
    is_large = len(data) > _UNCOUNTED_BYTES
    if is_large and not _has_sound_lengths(data):
        return Salvage(data).records()
    try:
        records: list[Record] = _counted(batch) if is_large else list(batch)
    except UndecodableError:
        raise
    except (CorruptRecordException, ValueError, *_OVERFLOWS):
        return Salvage(data).records()
    offsets = [record.offset for record in records]
    expected = range(batch.base_offset, batch.next_offset)
    # lengths are compared first: the header may state any number
    if len(offsets) == len(expected) and offsets == list(expected):
        return records
    return records if _is_compacted(offsets, data) else Salvage(data).records()


def _has_sound_lengths(data: memoryview) -> bool:
    """Return whether the lengths of the records in the uncompressed batch `data` add up to its end.

    Raises UndecodableError if the count in its header, or in a large record, is too high.
    """
    check_parts(BatchHeader(*HEADER.unpack_from(data)).record_count)
    at, largest = HEADER.size, 0
    try:
        while at < len(data):
            length = data[at]
            if length < _CONTINUES:  # inlined for small records, of which there are many
                length, at = (length >> 1) ^ -(length & 1), at + 1
            else:
                length, at = varint(data, at, _VARINT_BYTES)
            if length <= 0:
                return False
            if length > _UNCOUNTED_RECORD_BYTES:
                largest = max(largest, _header_count(data, at))
            at += length
    except (ValueError, IndexError):
        return False
    check_parts(largest)
    return at == len(data)


def _counted(batch: Iterable[Record]) -> list[Record]:
    """Return the records. Raises UndecodableError if there are more records and headers than MOST_PARTS."""
    records: list[Record] = []
    parts = 0
    for record in batch:
        parts += 1 + len(record.headers)
        check_parts(parts)
        records.append(record)
    return records


def _header_count(data: memoryview, at: int) -> int:
    """Return the header count of the record at `at`, as aiokafka reads it, with the attributes as a varint."""
    for _ in range(3):
        _, at = varint(data, at, _VARINT_BYTES)
    for _ in range(2):
        size, at = varint(data, at, _VARINT_BYTES)
        at += max(size, 0)
    count, _ = varint(data, at, _VARINT_BYTES)
    return count


def is_abort_marker(batch: Batch, data: memoryview) -> bool:
    """Return whether this control batch marks a transaction as aborted. Raises UndecodableError."""
    records, _ = records_of(batch, data)
    key = records[0].key if records else None
    if key is None or len(key) < _MARKER.size:
        raise UndecodableError("it is a transaction marker without a key")
    return bool(_MARKER.unpack_from(key)[1] == _ABORT)


def unreadable_batch(data: memoryview, position: int, damage: str) -> Unreadable:
    """Return the placeholder for an undecodable batch found at `position`.

    Its offsets come from its header if they are possible.
    """
    offset, last, timestamp = position, None, _NO_TIMESTAMP
    if len(data) >= HEADER.size and data[_MAGIC_AT] == _FORMAT:
        header = BatchHeader(*HEADER.unpack_from(data))
        timestamp = header.max_timestamp
        if header.base_offset >= 0 and header.last_delta >= 0 and header.base_offset + header.last_delta >= position:
            offset, last = max(header.base_offset, position), header.base_offset + header.last_delta
    return Unreadable(
        offset=offset, last_offset=last, timestamp=timestamp, damage=damage, raw=bytes(data), is_batch=True
    )


def _decompress_batch(data: memoryview) -> memoryview:
    header = BatchHeader(*HEADER.unpack_from(data))
    head = HEADER.pack(*header._replace(attributes=header.attributes & ~_CODEC))
    try:
        return decompress(header.attributes & _CODEC, data[HEADER.size :], head)
    except DecompressionError as error:
        raise UndecodableError(str(error)) from None


def _is_compacted(offsets: Sequence[int], data: memoryview) -> bool:
    """Return whether these are the offsets of a batch from which compaction has removed records."""
    header = BatchHeader(*HEADER.unpack_from(data))
    if header.record_count > header.last_delta:
        return False
    ends = [header.base_offset - 1, *offsets, header.base_offset + header.last_delta + 1]
    return all(offset < following for offset, following in pairwise(ends))
