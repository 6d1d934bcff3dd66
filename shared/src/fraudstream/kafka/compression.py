"""Decompression of record batches, bounded: a few kilobytes can expand to gigabytes."""

import zlib
from collections.abc import Callable

import cramjam

MAX_BATCH_BYTES = 64 << 20
"""A batch that expands to more is not read. Kafka limits a batch's compressed size only."""

_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_BLOCK_LENGTH_BYTES = 4
_USUAL_RATIO = 32
_NO_ROOM = "failed to write whole buffer"
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_MEMBERS = 100
"""Clients write one; what follows a member is copied, which takes minutes where members are small and many."""
_GZIP = 31  # zlib's window bits for gzip framing

Buffer = bytes | bytearray | memoryview


class DecompressionError(ValueError):
    """The payload is damaged, or expands to more than `MAX_BATCH_BYTES`."""


def decompress(codec: int, payload: Buffer) -> bytes:
    """Return what `payload` expands to; `codec` is Kafka's number, 1 to 4. Raises DecompressionError."""
    decoder = _DECODERS.get(codec)
    if decoder is None:
        raise DecompressionError(f"unknown compression codec {codec}")
    try:
        return decoder(bytes(payload))
    except (cramjam.DecompressionError, zlib.error) as error:
        raise DecompressionError(f"its compressed data can't be decompressed: {error}") from None


def _gunzip(payload: bytes) -> bytes:
    chunks: list[bytes] = []
    room = MAX_BATCH_BYTES
    for _ in range(_GZIP_MEMBERS):
        member = zlib.decompressobj(_GZIP)
        chunk = member.decompress(payload, room + 1)
        chunks.append(chunk)
        room -= len(chunk)
        if room < 0:
            raise _too_large()
        if not member.eof:
            raise DecompressionError("its gzip data is truncated")
        payload = member.unused_data
        if not payload.startswith(_GZIP_MAGIC):  # brokers and Java's clients ignore whatever else follows
            return b"".join(chunks)
    raise DecompressionError(f"it has more than {_GZIP_MEMBERS} gzip members")


def _into(decompress_into: Callable[[bytes, bytearray], int], payload: bytes) -> bytes:
    """Decompress into a buffer that is large enough for payments, and into one of the limit's size if it was not."""
    for room in (min(_USUAL_RATIO * len(payload), MAX_BATCH_BYTES), MAX_BATCH_BYTES):
        output = bytearray(room)
        try:
            return bytes(memoryview(output)[: decompress_into(payload, output)])
        except cramjam.DecompressionError as error:
            if _NO_ROOM not in str(error):
                raise
    raise _too_large()


def _unsnappy(payload: bytes) -> bytes:
    if not payload.startswith(_XERIAL_MAGIC):
        return _unsnappy_block(payload, MAX_BATCH_BYTES)
    chunks: list[bytes] = []
    room, at = MAX_BATCH_BYTES, _XERIAL_HEADER_BYTES
    while at < len(payload):
        begin = at + _BLOCK_LENGTH_BYTES
        at = begin + int.from_bytes(payload[at:begin], "big")
        if at > len(payload):
            raise DecompressionError("its snappy data is truncated")
        chunks.append(_unsnappy_block(payload[begin:at], room))
        room -= len(chunks[-1])
    return b"".join(chunks)


def _unsnappy_block(block: bytes, room: int) -> bytes:
    if cramjam.snappy.decompress_raw_len(block) > room:
        raise _too_large()
    return bytes(cramjam.snappy.decompress_raw(block))


def _too_large() -> DecompressionError:
    return DecompressionError(f"it expands to more than {MAX_BATCH_BYTES >> 20} MiB")


_DECODERS: dict[int, Callable[[bytes], bytes]] = {
    1: _gunzip,
    2: _unsnappy,
    3: lambda payload: _into(cramjam.lz4.decompress_into, payload),
    4: lambda payload: _into(cramjam.zstd.decompress_into, payload),
}
