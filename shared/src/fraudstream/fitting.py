"""Records that are too large for their topic, reduced to what it accepts. Pure."""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from typing import Literal

from fraudstream.dead_letter import Headers
from fraudstream.record import Message

Part = Literal["value", "key", "headers"]

RECORD_BYTES = 100
"""The most that Kafka adds to a batch of one record: 61 bytes of the batch, up to 36 of the record's numbers."""
_HEADER_BYTES = 10
"""The most that Kafka adds to a header: the lengths of name and value."""
_NOTES_BYTES = 150
"""About what the headers take that describe a removed part: a smaller part stays."""


def batch_bytes(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> int:
    """Return the most that a batch of this one record takes, in bytes, uncompressed."""
    return RECORD_BYTES + len(key or b"") + len(value or b"") + headers_bytes(headers)


def headers_bytes(headers: Sequence[tuple[str, bytes | None]]) -> int:
    """Return the most that these headers take in a record."""
    return sum(len(name.encode()) + len(value or b"") + _HEADER_BYTES for name, value in headers)


def fitted(message: Message, own: Headers, limit: int, prefix: str, *, cuts_value: bool) -> Message:
    """Return *message* with the headers *own* added, reduced until a batch of it has at most *limit* bytes.

    Of key, headers (*own* excepted) and, with *cuts_value*, value, the largest is removed first, then the next one. The
    beginning of a removed value is kept as far as there is room. `PREFIX.PART_bytes` and `PREFIX.PART_sha256`
    describe each removed part as it was. If nothing is left to remove, the record may still be too large.
    """
    key, value, timestamp_ms, headers = message
    whole = [*headers, *own]
    if batch_bytes(key, value, whole) <= limit:
        return key, value, timestamp_ms, whole
    parts: dict[Part, bytes] = {"key": key or b"", "headers": encoded(headers)}
    if cuts_value:
        parts["value"] = value or b""
    removed: list[Part] = []
    room = 0
    large = [part for part in parts if len(parts[part]) > _NOTES_BYTES]
    for part in sorted(large, key=lambda part: len(parts[part]), reverse=True):
        removed.append(part)
        notes = _notes({part: parts[part] for part in removed}, prefix)
        whole = [*([] if "headers" in removed else headers), *own, *notes]
        key = None if "key" in removed else key
        value = b"" if "value" in removed else value
        room = limit - batch_bytes(key, value, whole)
        if room >= 0:
            break
    if "value" in removed:
        value = parts["value"][: max(room, 0)]
    return key, value, timestamp_ms, whole


def encoded(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """Return headers as bytes: of each, the name and then the value, both after their length.

    A length is a signed 32-bit integer, big-endian; -1 is a null value.
    """
    data = bytearray()  # a list of a million headers' bytes would take 100 MB
    for name, value in headers:
        data += _sized(name.encode()) + _sized(value)
    return bytes(data)


def _sized(content: bytes | None) -> bytes:
    return struct.pack(">i", -1) if content is None else struct.pack(">i", len(content)) + content


def _notes(removed: Mapping[Part, bytes], prefix: str) -> Headers:
    notes: Headers = []
    for part, content in removed.items():
        notes.append((f"{prefix}.{part}_bytes", str(len(content)).encode()))
        notes.append((f"{prefix}.{part}_sha256", hashlib.sha256(content).hexdigest().encode()))
    return notes
