"""Messages of the two older formats: read, or reported as damaged."""

import gzip
import random
import struct
import zlib

import pytest
from tests.fetched import BASE, offsets, read
from tests.fuzz import cases
from tests.integration.scorer import payment


def legacy(magic: int, offset: int, key: bytes | None, value: bytes, codec: int = 0) -> bytes:
    """Return a message of the older formats."""
    body = struct.pack(">bb", magic, codec) + (struct.pack(">q", 1_000) if magic else b"")
    for content in (key, value):
        body += struct.pack(">i", -1) if content is None else struct.pack(">i", len(content)) + content
    return struct.pack(">qiI", offset, 4 + len(body), zlib.crc32(body)) + body


@pytest.mark.parametrize(("magic", "timestamp"), [(0, -1), (1, 1_000)])
def test_messages_of_the_older_formats(magic: int, timestamp: int) -> None:
    """The oldest format has no timestamp; a damaged message is a batch that can't be decoded."""
    data = b"".join(legacy(magic, BASE + n, b"k", payment(n)) for n in range(3))
    records = read(data)
    assert [(one.offset, one.timestamp, one.value) for one in records] == [
        (BASE + n, timestamp, payment(n)) for n in range(3)
    ]
    rng = random.Random(magic)
    for _ in range(cases(5_000)):
        changed = bytearray(legacy(magic, BASE + 3, b"k", payment(3)))
        changed[rng.randrange(12, len(changed))] = rng.randrange(256)
        struct.pack_into(">I", changed, 12, zlib.crc32(bytes(changed[16:])))
        assert offsets(read(data + bytes(changed)))[:3] == [BASE, BASE + 1, BASE + 2]


@pytest.mark.parametrize("magic", [0, 1])
def test_compressed_messages_of_the_older_formats(magic: int) -> None:
    """Their offsets are found; damage in them neither ends the process nor keeps it busy."""
    inner = b"".join(legacy(magic, n, None, payment(n)) for n in range(3))
    records = read(legacy(magic, BASE + 2, None, gzip.compress(inner), codec=1))
    assert [(one.offset, one.value) for one in records] == [(BASE + n, payment(n)) for n in range(3)]
    rng = random.Random(magic)
    for _ in range(cases(5_000)):
        changed = bytearray(inner)
        changed[rng.randrange(len(changed))] = rng.choice((0, 0x7F, 0x80, 0xFF, 0xF4))
        assert read(legacy(magic, BASE + 2, None, gzip.compress(bytes(changed), 1), codec=1))


def test_messages_of_the_older_formats_with_repeated_offsets() -> None:
    """No message is returned twice."""
    inner = b"".join(legacy(1, n, None, b"v") for n in (0, 1, 0, 1))
    (stopped,) = read(legacy(1, BASE + 1, None, gzip.compress(inner), codec=1))
    assert "not ascending" in stopped.damage
