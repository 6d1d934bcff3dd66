"""Kafka's record batches, format 2: bytes of a fetch response → records, with damage confined to where it is. Pure.

aiokafka's parser raises at the first byte that it does not understand, which ends the reading of all partitions. It
parses here what is sound; what it refuses is parsed again, record by record (`salvage`).

It reads a record's attributes, which are one byte and unused, as a varint. Where they are 128 or more it refuses the
record, unless its key has just as many bytes as its index in the batch: key and timestamp are then read wrong. To look
for that would cost 2 % of a payment's CPU.

The format: https://kafka.apache.org/39/documentation/#recordbatch
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch

from fraudstream.kafka.compression import Buffer, DecompressionError, decompress
from fraudstream.kafka.salvage import HEADER, BatchHeader, Parsed, Salvage, UndecodableError
from fraudstream.records import Record, Unreadable

_FORMAT = 2
_LENGTH_AT, _MAGIC_AT = 8, 16
_OVERHEAD = 12
"""Base offset and length, which the length does not count."""
_LENGTH, _MARKER = struct.Struct(">i"), struct.Struct(">hh")
_LEGACY_BYTES = 26
"""The least that a message of the older formats takes."""
_CODEC = 0x07
_ABORT = 0
_NO_TIMESTAMP, _CREATE_TIME = -1, 0

_UNFORESEEN = (OverflowError, MemoryError, SystemError)
"""What aiokafka's parser raises where a length overflows its arithmetic; nothing of that size is allocated."""

Batch = Any
"""aiokafka's view of a batch whose frame is sound. Only one of format 2 has a producer id."""


def frames(data: Buffer) -> Iterator[memoryview]:
    """Yield each batch's bytes. The last one is left out where the response cuts it short, unless it is the only one.

    One whose length is impossible is the last: nothing after it can be found.
    """
    view, at = memoryview(data), 0
    while len(view) - at >= _OVERHEAD:
        (length,) = _LENGTH.unpack_from(view, at + _LENGTH_AT)
        end = at + _OVERHEAD + length
        if length < 0 or (end > len(view) and at == 0):
            yield view[at:]
            return
        if end > len(view):
            return
        yield view[at:end]
        at = end
    if at == 0 and view:
        yield view


def open_batch(data: memoryview) -> Batch:
    """Return the batch in `data`. Raises UndecodableError where its frame or checksum is wrong."""
    if len(data) < _LEGACY_BYTES or _LENGTH.unpack_from(data, _LENGTH_AT)[0] != len(data) - _OVERHEAD:
        raise UndecodableError("it is truncated")
    magic = data[_MAGIC_AT]
    if magic > _FORMAT:
        raise UndecodableError(f"unknown record format {magic}")
    if magic == _FORMAT and len(data) < HEADER.size:
        raise UndecodableError("it is truncated")
    try:
        batch: Batch = DefaultRecordBatch(data) if magic == _FORMAT else LegacyRecordBatch(bytes(data), magic)
    except (CorruptRecordException, *_UNFORESEEN):  # only the older formats are parsed by now
        raise UndecodableError("it is damaged") from None
    if not batch.validate_crc():
        raise UndecodableError("its checksum is wrong")
    if magic == _FORMAT and not 0 <= batch.base_offset < batch.next_offset:
        raise UndecodableError("its header is damaged")
    return batch


def records_of(batch: Batch, data: memoryview) -> Sequence[Record | Unreadable]:
    """Return the records of `batch`, which was opened from `data`, ascending by offset. Raises UndecodableError."""
    if batch.producer_id is None:
        return _legacy_records(batch)
    if batch.compression_type:
        data = _uncompressed(data)
        batch = DefaultRecordBatch(data)
    try:
        records: list[Record] = list(batch)
    except (CorruptRecordException, ValueError, *_UNFORESEEN):
        return Salvage(data).records()
    offsets = [record.offset for record in records]
    wanted = range(batch.base_offset, batch.next_offset)
    if len(offsets) == len(wanted) and offsets == list(wanted):  # by length first: the header may state any number
        return records
    return records if _is_compacted(offsets, data) else Salvage(data).records()


def is_abort_marker(batch: Batch, data: memoryview) -> bool:
    """Whether this control batch ends a transaction that was aborted. Raises UndecodableError."""
    records = records_of(batch, data)
    key = records[0].key if records else None
    if key is None or len(key) < _MARKER.size:
        raise UndecodableError("it is a transaction marker without a key")
    return bool(_MARKER.unpack_from(key)[1] == _ABORT)


def unreadable_batch(data: memoryview, position: int, damage: str) -> Unreadable:
    """Return the placeholder for an undecodable batch that was met at `position`.

    Its own header is believed where it is possible.
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


def _legacy_records(batch: Batch) -> Sequence[Record]:
    """The records of a batch of the older formats, of which the oldest has no timestamps."""
    try:
        records: list[Record] = list(batch)
    except Exception as error:  # noqa: BLE001 - aiokafka's parser of the older formats raises whatever its codecs do
        raise UndecodableError(f"its records can't be parsed: {type(error).__name__}") from None
    if any(one >= other for one, other in pairwise([*(record.offset for record in records), batch.next_offset])):
        raise UndecodableError("its offsets are not ascending")
    return [_stamped(record) for record in records]


def _stamped(record: Record) -> Record:
    if record.timestamp is not None:
        return record
    return Parsed(record.offset, _NO_TIMESTAMP, _CREATE_TIME, record.key, record.value, [])


def _uncompressed(data: memoryview) -> memoryview:
    """The batch as if it had been sent without compression."""
    header = BatchHeader(*HEADER.unpack_from(data))
    try:
        records = decompress(header.attributes & _CODEC, data[HEADER.size :])
    except DecompressionError as error:
        raise UndecodableError(str(error)) from None
    return memoryview(HEADER.pack(*header._replace(attributes=header.attributes & ~_CODEC)) + records)


def _is_compacted(offsets: Sequence[int], data: memoryview) -> bool:
    """Whether these offsets are those of a batch of which compaction has removed records."""
    header = BatchHeader(*HEADER.unpack_from(data))
    if header.record_count > header.last_delta:
        return False
    ends = [header.base_offset - 1, *offsets, header.base_offset + header.last_delta + 1]
    return all(one < other for one, other in pairwise(ends))
