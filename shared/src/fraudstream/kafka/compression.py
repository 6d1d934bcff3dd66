"""Bounded decompression of record batches: a few kilobytes can expand to gigabytes."""

import zlib
from collections.abc import Callable, Iterator

import cramjam

MAX_BATCH_BYTES = 64 << 20
"""Batches that expand to more are not read. Kafka limits only the compressed size of a batch."""

_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_BLOCK_LENGTH_BYTES = 4
_CHUNK_BYTES = 1 << 20
_USUAL_RATIO = 32
_NO_ROOM = "failed to write whole buffer"
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_MEMBERS = 100
"""Clients write one; the bytes after each member are copied, which takes minutes with many small members."""
_GZIP = 31  # zlib's window bits for gzip framing

Buffer = bytes | bytearray | memoryview
Decoder = Callable[[bytes, bytes], memoryview]
DecompressInto = Callable[[bytes, memoryview], int]


class DecompressionError(ValueError):
    """A payload that is damaged or expands to more than `MAX_BATCH_BYTES`."""


def decompress(codec: int, payload: Buffer, head: bytes = b"") -> memoryview:
    """Return `head`, followed by the decompressed `payload`; `codec` is Kafka's id, 1 to 4.

    `head` is included to save the caller a copy of data that may be as large as the limit. Raises DecompressionError.
    """
    decoder = _DECODERS.get(codec)
    if decoder is None:
        raise DecompressionError(f"unknown compression codec {codec}")
    try:
        return decoder(bytes(payload), head)
    except (cramjam.DecompressionError, zlib.error) as error:
        raise DecompressionError(f"its compressed data can't be decompressed: {error}") from None


def _gunzip(payload: bytes, head: bytes) -> memoryview:
    output = bytearray(head)
    limit = len(head) + MAX_BATCH_BYTES
    for _ in range(_GZIP_MEMBERS):
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            chunk = member.decompress(payload, _CHUNK_BYTES)
            output += chunk
            if len(output) > limit:
                raise _too_large()
            payload = member.unconsumed_tail
            if not (chunk or payload or member.eof):
                raise DecompressionError("its gzip data is truncated")
        payload = member.unused_data
        if not payload.startswith(_GZIP_MAGIC):  # brokers and the Java client ignore other bytes after it
            return memoryview(output)
    raise DecompressionError(f"it has more than {_GZIP_MEMBERS} gzip members")


def _buffered(decompress_into: DecompressInto) -> Decoder:
    """Return a decoder that tries a buffer large enough for payments, then one of the maximum size."""

    def decode(payload: bytes, head: bytes) -> memoryview:
        for room in (min(_USUAL_RATIO * len(payload), MAX_BATCH_BYTES), MAX_BATCH_BYTES):
            if output := _decompress_within(room, decompress_into, payload, head):
                return output
        raise _too_large()

    return decode


def _decompress_within(room: int, decompress_into: DecompressInto, payload: bytes, head: bytes) -> memoryview | None:
    """Return `head` and the decompressed data; None if the data needs more than `room` bytes."""
    output = memoryview(bytearray(len(head) + room))
    output[: len(head)] = head
    try:
        return output[: len(head) + decompress_into(payload, output[len(head) :])]
    except cramjam.DecompressionError as error:
        if _NO_ROOM not in str(error):
            raise
        return None


def _unsnappy(payload: bytes, head: bytes) -> memoryview:
    output = bytearray(head)
    limit = len(head) + MAX_BATCH_BYTES
    for block in _xerial_blocks(payload) if payload.startswith(_XERIAL_MAGIC) else (payload,):
        if len(output) + cramjam.snappy.decompress_raw_len(block) > limit:
            raise _too_large()
        output += cramjam.snappy.decompress_raw(block)
    return memoryview(output)


def _xerial_blocks(payload: bytes) -> Iterator[bytes]:
    at = _XERIAL_HEADER_BYTES
    while at < len(payload):
        begin = at + _BLOCK_LENGTH_BYTES
        at = begin + int.from_bytes(payload[at:begin], "big")
        if at > len(payload):
            raise DecompressionError("its snappy data is truncated")
        yield payload[begin:at]


def _too_large() -> DecompressionError:
    return DecompressionError(f"it expands to more than {MAX_BATCH_BYTES >> 20} MiB")


_DECODERS: dict[int, Decoder] = {
    1: _gunzip,
    2: _unsnappy,
    3: _buffered(cramjam.lz4.decompress_into),
    4: _buffered(cramjam.zstd.decompress_into),
}
