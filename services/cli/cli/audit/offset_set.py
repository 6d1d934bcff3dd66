"""A set of offsets as a sparse bitmap, one bit each: for sets that may have as many offsets as there are records."""

from collections.abc import Iterator

_PAGE_BITS = 1 << 13


class OffsetSet:
    """Set of offsets ≥ 0, iterated in ascending order."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, offset: int) -> bool:
        page = self._pages.get(offset // _PAGE_BITS)
        bit = offset % _PAGE_BITS
        return page is not None and bool(page[bit >> 3] & 1 << (bit & 7))

    def __iter__(self) -> Iterator[int]:
        for number in sorted(self._pages):
            page = self._pages[number]
            for index, byte in enumerate(page):
                if byte:
                    first = number * _PAGE_BITS + 8 * index
                    yield from (first + bit for bit in range(8) if byte & 1 << bit)

    def add(self, offset: int) -> None:
        """Add an offset, if it is not in the set."""
        number, bit = divmod(offset, _PAGE_BITS)
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = bytearray(_PAGE_BITS >> 3)
        mask = 1 << (bit & 7)
        if not page[bit >> 3] & mask:
            page[bit >> 3] |= mask
            self._count += 1
