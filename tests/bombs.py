"""Record batches of a few kilobytes that expand to many megabytes, or to millions of objects."""

import gzip
import struct
from collections.abc import Callable, Mapping, Sequence

import cramjam
from aiokafka.codec import lz4_encode
from aiokafka.record.util import encode_varint

from tests.batches import with_crc

MIB = 1 << 20
CODECS: Mapping[str, tuple[int, Callable[[bytes], bytes]]] = {
    "gzip": (1, gzip.compress),
    "snappy": (2, lambda data: bytes(cramjam.snappy.compress_raw(data))),
    "lz4": (3, lambda data: bytes(lz4_encode(data))),
    "zstd": (4, lambda data: bytes(cramjam.zstd.compress(data))),
}
_HEADER = struct.Struct(">qiibIhiqqqhii")
_STAMP_MS = 1_790_000_000_000


def record(delta: int, value: bytes | None, headers: int = 0, named: Sequence[tuple[str, bytes | None]] = ()) -> bytes:
    """Return an encoded record: `headers` headers of two bytes (no name, no value), then the `named` ones."""
    own = b"".join(_bytes(name.encode()) + _bytes(content) for name, content in named)
    count = _varint(headers + len(named))
    body = b"\0" + _varint(0) + _varint(delta) + _bytes(None) + _bytes(value) + count + b"\0\1" * headers + own
    return _varint(len(body)) + body


def compressed_batch(codec: str, records: Sequence[bytes], base_offset: int = 0) -> bytes:
    """Return a compressed batch of these records, which `record` encoded."""
    number, compress = CODECS[codec]
    last, count = len(records) - 1, len(records)
    data = bytearray(
        _HEADER.pack(base_offset, 0, 0, 2, 0, number, last, _STAMP_MS, _STAMP_MS, -1, -1, -1, count)
        + compress(b"".join(records))
    )
    struct.pack_into(">i", data, 8, len(data) - 12)
    return with_crc(bytes(data))


def zeros(size: int, codec: str) -> bytes:
    """Return one record of `size` zeros."""
    return compressed_batch(codec, [record(0, bytes(size))])


def _bytes(content: bytes | None) -> bytes:
    return _varint(-1) if content is None else _varint(len(content)) + content


def _varint(number: int) -> bytes:
    encoded = bytearray()
    encode_varint(number, encoded.append)
    return bytes(encoded)
