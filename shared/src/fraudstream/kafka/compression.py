"""Decompression of record batches, bounded: a few kilobytes can expand to gigabytes."""

import zlib
from collections.abc import Callable, Iterator

import cramjam

MAX_BATCH_BYTES = 64 << 20
"""A batch that expands to more is not read. Kafka limits a batch's compressed size only."""

_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_BLOCK_LENGTH_BYTES = 4
_CHUNK_BYTES = 1 << 20
_USUAL_RATIO = 32
_NO_ROOM = "failed to write whole buffer"
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_MEMBERS = 100
"""Clients write one; what follows a member is copied, which takes minutes where members are small and many."""
_GZIP = 31  # zlib's window bits for gzip framing

Buffer = bytes | bytearray | memoryview
Decoder = Callable[[bytes, bytes], memoryview]
DecompressInto = Callable[[bytes, memoryview], int]


class DecompressionError(ValueError):
    """The payload is damaged, or expands to more than `MAX_BATCH_BYTES`."""


def decompress(codec: int, payload: Buffer, head: bytes = b"") -> memoryview:
    """Return `head`, followed by what `payload` expands to; `codec` is Kafka's number, 1 to 4.

    The caller needs no copy to put `head` before data that may be as large as the limit. Raises DecompressionError.
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
    most = len(head) + MAX_BATCH_BYTES
    for _ in range(_GZIP_MEMBERS):
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            chunk = member.decompress(payload, _CHUNK_BYTES)
            output += chunk
            if len(output) > most:
                raise _too_large()
            payload = member.unconsumed_tail
            if not (chunk or payload or member.eof):
                raise DecompressionError("its gzip data is truncated")
        payload = member.unused_data
        if not payload.startswith(_GZIP_MAGIC):  # brokers and Java's clients ignore whatever else follows
            return memoryview(output)
    raise DecompressionError(f"it has more than {_GZIP_MEMBERS} gzip members")


def _through(decompress_into: DecompressInto) -> Decoder:
    """Return a decoder that tries a buffer large enough for payments, and one of the limit's size if it was not."""

    def decoder(payload: bytes, head: bytes) -> memoryview:
        for room in (min(_USUAL_RATIO * len(payload), MAX_BATCH_BYTES), MAX_BATCH_BYTES):
            if output := _within(room, decompress_into, payload, head):
                return output
        raise _too_large()

    return decoder


def _within(room: int, decompress_into: DecompressInto, payload: bytes, head: bytes) -> memoryview | None:
    """Return `head` and the data; None where it needs more than `room` bytes."""
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
    most = len(head) + MAX_BATCH_BYTES
    for block in _xerial_blocks(payload) if payload.startswith(_XERIAL_MAGIC) else (payload,):
        if len(output) + cramjam.snappy.decompress_raw_len(block) > most:
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
    3: _through(cramjam.lz4.decompress_into),
    4: _through(cramjam.zstd.decompress_into),
}
