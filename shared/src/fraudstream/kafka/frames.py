"""Boundaries of record batches, and of older formats' messages, in the bytes of a fetch response. Pure."""

import struct
from collections.abc import Iterator

from fraudstream.kafka.compression import Buffer

LENGTH_AT = 8
OVERHEAD = 12
"""Base offset and length, which the length does not count."""
LENGTH = struct.Struct(">i")


def frames(data: Buffer) -> Iterator[memoryview]:
    """Yield each batch's bytes. The last one is left out where the response cuts it short, unless it is the only one.

    One whose length is impossible is the last: nothing after it can be found.
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
