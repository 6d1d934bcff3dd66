"""Cursor over a partition's output, read in chunks alongside its input."""

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Cursor(Generic[T]):
    """Cursor over entries: pairs of input offset and content, mostly ascending."""

    def __init__(self, chunks: AsyncIterator[list[tuple[int, T]]]) -> None:
        self._chunks = chunks
        self._held: list[tuple[int, T]] = []
        self._next = 0

    async def peek(self) -> int | None:
        """Return the next entry's offset; None at the end."""
        return self._held[self._next][0] if await self._has_more() else None

    async def up_to(self, offset: int) -> list[tuple[int, T]]:
        """Take the entries before the first one after `offset`."""
        taken: list[tuple[int, T]] = []
        while await self._has_more():
            start = self._next
            held = self._held
            end = next((index for index in range(start, len(held)) if held[index][0] > offset), len(held))
            taken += held[start:end]
            self._next = end
            if end < len(held):
                break
        return taken

    async def rest(self) -> list[tuple[int, T]]:
        """Take the rest of the current chunk, or the next chunk; empty at the end."""
        if not await self._has_more():
            return []
        taken = self._held[self._next :]
        self._next = len(self._held)
        return taken

    async def _has_more(self) -> bool:
        while self._next == len(self._held):
            chunk = await anext(self._chunks, None)
            if chunk is None:
                return False
            self._held, self._next = chunk, 0
        return True
