"""Reduction of records that are too large for their topic. Pure."""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from typing import Literal

from fraudstream.record import Headers, Message

Part = Literal["value", "key", "headers"]

RECORD_BYTES = 100
"""Maximum that Kafka adds to a batch of one record: 61 bytes of the batch, up to 36 of the record's numbers."""
_HEADER_BYTES = 10
"""Maximum that Kafka adds to a header: the lengths of name and value."""
_REMOVAL_HEADERS_BYTES = 150
"""Approximate size of the headers that describe a removed part: smaller parts are kept."""


def batch_bytes(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> int:
    """Return the maximum size of a batch of this one record, in bytes, uncompressed."""
    headers_bytes = sum(len(name.encode()) + len(content or b"") + _HEADER_BYTES for name, content in headers)
    return RECORD_BYTES + len(key or b"") + len(value or b"") + headers_bytes


def fitted(message: Message, own: Headers, limit: int, prefix: str, *, cuts_value: bool) -> Message:
    """Return *message* with the headers *own* added, reduced until a batch of it has at most *limit* bytes.

    Of key, headers (*own* excepted) and, with *cuts_value*, value, the largest is removed first, then the next one. As
    much of the beginning of a removed value is kept as fits. `PREFIX.PART_bytes` and `PREFIX.PART_sha256`
    describe the original of each removed part. If nothing is left to remove, the record may still be too large.
    """
    key, value, timestamp_ms, headers = message
    all_headers = [*headers, *own]
    if batch_bytes(key, value, all_headers) <= limit:
        return key, value, timestamp_ms, all_headers
    parts: dict[Part, bytes] = {"key": key or b"", "headers": encoded(headers)}
    if cuts_value:
        parts["value"] = value or b""
    removed: list[Part] = []
    room = 0
    large = [part for part in parts if len(parts[part]) > _REMOVAL_HEADERS_BYTES]
    for part in sorted(large, key=lambda part: len(parts[part]), reverse=True):
        removed.append(part)
        notes = _removal_headers({part: parts[part] for part in removed}, prefix)
        all_headers = [*([] if "headers" in removed else headers), *own, *notes]
        key = None if "key" in removed else key
        value = b"" if "value" in removed else value
        room = limit - batch_bytes(key, value, all_headers)
        if room >= 0:
            break
    if "value" in removed:
        value = parts["value"][: max(room, 0)]
    return key, value, timestamp_ms, all_headers


def encoded(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """Return headers as bytes: of each, the name and then the value, both preceded by their length.

    A length is a signed 32-bit integer, big-endian; -1 is a null value.
    """
    data = bytearray()  # a list of the bytes of a million headers would take 100 MB
    for name, value in headers:
        data += _with_length(name.encode()) + _with_length(value)
    return bytes(data)


def _with_length(content: bytes | None) -> bytes:
    return struct.pack(">i", -1) if content is None else struct.pack(">i", len(content)) + content


def _removal_headers(removed: Mapping[Part, bytes], prefix: str) -> Headers:
    notes: Headers = []
    for part, content in removed.items():
        notes.append((f"{prefix}.{part}_bytes", str(len(content)).encode()))
        notes.append((f"{prefix}.{part}_sha256", hashlib.sha256(content).hexdigest().encode()))
    return notes
