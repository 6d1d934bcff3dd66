"""Offsets as text: consecutive ones as one range, such as `3-17,20`. Pure."""

from collections.abc import Iterable, Sequence


def ranges(offsets: Iterable[int]) -> list[range]:
    """Return the ranges of consecutive offsets, in ascending order."""
    found: list[range] = []
    for offset in sorted(set(offsets)):
        if found and found[-1].stop == offset:
            found[-1] = range(found[-1].start, offset + 1)
        else:
            found.append(range(offset, offset + 1))
    return found


def ranges_text(some: Sequence[range]) -> str:
    """Return the ranges as text: first and last offset of each."""
    return ",".join(f"{one.start}-{one.stop - 1}" if len(one) > 1 else str(one.start) for one in some)
