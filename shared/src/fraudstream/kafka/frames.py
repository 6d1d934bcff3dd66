"""Boundaries of record batches, and of messages in older formats, in the bytes of a fetch response. Pure."""

import struct
from collections.abc import Iterator

from fraudstream.kafka.compression import Buffer

LENGTH_AT = 8
OVERHEAD = 12
"""Bytes of base offset and length, which the length does not include."""
LENGTH = struct.Struct(">i")


def frames(data: Buffer) -> Iterator[memoryview]:
    """Yield each batch's bytes. If the response truncates the last batch, it is omitted, unless it is the only one.

    A batch with an impossible length is the last one: the next can't be located.
    """
    view, at = memoryview(data), 0
    while len(view) - at >= OVERHEAD:
        (length,) = LENGTH.unpack_from(view, at + LENGTH_AT)
        end = at + OVERHEAD + length
        if length < 0 or (end > len(view) and at == 0):
            yield view[at:]
            return
        if end > len(view):
            return
        yield view[at:end]
        at = end
    if at == 0 and view:
        yield view
