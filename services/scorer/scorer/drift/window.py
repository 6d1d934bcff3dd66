"""Sliding histogram of the last payments: each new block displaces the oldest ones."""

from collections import deque

from fraudstream.arrays import Integers


class Window:
    """The fewest last blocks with at least `payments` payments; only their histograms are kept."""

    def __init__(self, payments: int, least: int) -> None:
        """Hold `payments` payments; while it fills, it has a histogram from `least` on."""
        self._payments = payments
        self._least = least
        self._blocks: deque[tuple[int, Integers]] = deque()
        self.count = 0
        """Payments in the blocks."""
        self._sum: Integers | None = None

    @property
    def histogram(self) -> Integers | None:
        """The sum of the window's blocks; None while there are fewer than `least` payments."""
        return self._sum if self.count >= self._least else None

    def push(self, count: int, histogram: Integers) -> None:
        """Add a block of `count` payments; its histogram must not be changed afterwards."""
        self._blocks.append((count, histogram))
        self.count += count
        self._sum = histogram if self._sum is None else self._sum + histogram
        while self.count - self._blocks[0][0] >= self._payments:
            removed, oldest = self._blocks.popleft()
            self.count -= removed
            self._sum = self._sum - oldest
