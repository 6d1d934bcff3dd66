"""Messages of Kafka's formats 0 and 1, before record batches: brokers still serve those that they have stored. Pure.

aiokafka's parsers of them read without end, or outside their memory, where a length is damaged.
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
    """One message, with the records in it; the rest is as if it were a batch. Raises UndecodableError."""

    producer_id: ClassVar[None] = None
    is_control_batch: ClassVar[bool] = False
    is_transactional: ClassVar[bool] = False

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._message, self._attributes = _message(data)
        self.base_offset = self._message.offset
        self.next_offset = self.base_offset + 1

    def validate_crc(self) -> bool:
        """Whether the checksum is right."""
        return bool(_HEAD.unpack_from(self._data)[2] == zlib.crc32(self._data[_CHECKED_FROM:]))

    def records(self) -> tuple[Sequence[Parsed], int]:
        """Return the message, or those that are compressed in it, and how many bytes they take.

        They ascend by offset. Raises UndecodableError.
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
            _refuse()
        found = [_message(part)[0] for part in parts]
        # offsets in it count from its own beginning; those of the oldest format, and of some clients, do not
        shift = self.base_offset - found[-1].offset
        offsets = [one.offset + shift for one in found]
        if offsets[0] < 0 or offsets != sorted(set(offsets)):
            raise UndecodableError("its offsets are not ascending")
        return [self._placed(one, offset) for one, offset in zip(found, offsets, strict=True)], len(data)

    def _placed(self, one: Parsed, offset: int) -> Parsed:
        appended = self._attributes & _LOG_APPEND_TIME
        timestamp = self._message.timestamp if appended else one.timestamp
        return Parsed(offset, timestamp, int(bool(appended)), one.key, one.value, [])


def _message(data: memoryview) -> tuple[Parsed, int]:
    """The message that `data` is, and its attributes; without a timestamp in format 0."""
    timestamp = _NO_TIMESTAMP
    try:
        offset, _, _, magic, attributes = _HEAD.unpack_from(data)
        at = _HEAD.size
        if magic:
            (timestamp,) = _TIMESTAMP.unpack_from(data, at)
            at += _TIMESTAMP.size
        key, at = _bytes(data, at)
        value, at = _bytes(data, at)
    except struct.error:
        _refuse()
    if at != len(data) or magic > 1:
        _refuse()
    timestamp_type = int(bool(magic and attributes & _LOG_APPEND_TIME))
    return Parsed(offset, timestamp, timestamp_type, key, value, []), attributes


def _bytes(data: memoryview, at: int) -> tuple[bytes | None, int]:
    (size,) = _SIZE.unpack_from(data, at)
    begin = at + _SIZE.size
    if size == -1:
        return None, begin
    if not 0 <= size <= len(data) - begin:
        _refuse()
    return bytes(data[begin : begin + size]), begin + size


def _refuse() -> NoReturn:
    raise UndecodableError("it is damaged")
