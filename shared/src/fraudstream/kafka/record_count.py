"""Limit on the objects of a batch: a record takes 7 bytes or more and a header 2, but 230 and 80 once parsed. Pure."""

from collections.abc import Iterable

from fraudstream.kafka.salvage import HEADER, BatchHeader, check_parts, varint
from fraudstream.record import Record

UNCOUNTED_BYTES = 2 << 20
"""A smaller batch takes at most 140 MB once parsed; 10,000 payments fit into it."""

_UNCOUNTED_RECORD_BYTES = 1 << 20
_VARINT_BYTES = 10
_CONTINUES = 0x80


def has_sound_lengths(data: memoryview) -> bool:
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


def counted(batch: Iterable[Record]) -> list[Record]:
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
