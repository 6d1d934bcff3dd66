"""Numbers with their nouns, and offsets as ranges, as text. Pure."""

from collections.abc import Iterable, Sequence


def counted(count: int, noun: str) -> str:
    """Return the number and the noun, such as `1 dead letter` or `1,200 dead letters`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


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
    """Return the ranges as text, first and last offset of each, such as `3-17,20`."""
    return ",".join(f"{one.start}-{one.stop - 1}" if len(one) > 1 else str(one.start) for one in some)
