"""Messages in Kafka's formats 0 and 1, older than record batches: brokers still serve stored ones. Pure.

Given a damaged length, aiokafka's parsers for these formats loop endlessly or read outside their memory.
"""

import struct
import zlib
from collections.abc import Sequence
from itertools import islice
from typing import ClassVar, NoReturn

from fraudstream.kafka.compression import DecompressionError, decompress
from fraudstream.kafka.frames import frames
from fraudstream.kafka.salvage import MOST_PARTS, Parsed, UndecodableError, check_parts

_HEAD, _TIMESTAMP, _SIZE = struct.Struct(">qiIBB"), struct.Struct(">q"), struct.Struct(">i")
_CHECKED_FROM = 16
_CODEC, _LOG_APPEND_TIME = 0x07, 0x08
_NO_TIMESTAMP = -1


class LegacyBatch:
    """One message and the records in it, with the interface of a batch. Raises UndecodableError."""

    producer_id: ClassVar[None] = None
    is_control_batch: ClassVar[bool] = False
    is_transactional: ClassVar[bool] = False

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._message, self._attributes = _parse_message(data)
        self.base_offset = self._message.offset
        self.next_offset = self.base_offset + 1

    def validate_crc(self) -> bool:
        """Return whether the checksum is correct."""
        return bool(_HEAD.unpack_from(self._data)[2] == zlib.crc32(self._data[_CHECKED_FROM:]))

    def records(self) -> tuple[Sequence[Parsed], int]:
        """Return the message, or the messages compressed in it, and their size in bytes.

        They are in ascending order of offset. Raises UndecodableError.
        """
        if not self._attributes & _CODEC:
            return [self._message], len(self._data)
        try:
            data = decompress(self._attributes & _CODEC, self._message.value or b"")
        except DecompressionError as error:
            raise UndecodableError(str(error)) from None
        parts = list(islice(frames(data), MOST_PARTS + 1))
        check_parts(len(parts))
        if not parts or sum(map(len, parts)) != len(data):
            _raise_damaged()
        messages = [_parse_message(part)[0] for part in parts]
        # offsets are relative to the first message, except in format 0 and from some clients
        shift = self.base_offset - messages[-1].offset
        offsets = [message.offset + shift for message in messages]
        if offsets[0] < 0 or offsets != sorted(set(offsets)):
            raise UndecodableError("its offsets are not ascending")
        return list(map(self._with_offset, messages, offsets)), len(data)

    def _with_offset(self, message: Parsed, offset: int) -> Parsed:
        appended = self._attributes & _LOG_APPEND_TIME
        timestamp = self._message.timestamp if appended else message.timestamp
        return Parsed(offset, timestamp, int(bool(appended)), message.key, message.value, [])


def _parse_message(data: memoryview) -> tuple[Parsed, int]:
    """Return the message in `data`, without a timestamp in format 0, and its attributes."""
    timestamp = _NO_TIMESTAMP
    try:
        offset, _, _, magic, attributes = _HEAD.unpack_from(data)
        at = _HEAD.size
        if magic:
            (timestamp,) = _TIMESTAMP.unpack_from(data, at)
            at += _TIMESTAMP.size
        key, at = _read_bytes(data, at)
        value, at = _read_bytes(data, at)
    except struct.error:
        _raise_damaged()
    if at != len(data) or magic > 1:
        _raise_damaged()
    timestamp_type = int(bool(magic and attributes & _LOG_APPEND_TIME))
    return Parsed(offset, timestamp, timestamp_type, key, value, []), attributes


def _read_bytes(data: memoryview, at: int) -> tuple[bytes | None, int]:
    (size,) = _SIZE.unpack_from(data, at)
    begin = at + _SIZE.size
    if size == -1:
        return None, begin
    if not 0 <= size <= len(data) - begin:
        _raise_damaged()
    return bytes(data[begin : begin + size]), begin + size


def _raise_damaged() -> NoReturn:
    raise UndecodableError("it is damaged")
