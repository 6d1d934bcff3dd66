"""Sliding histogram of the last payments: each new block displaces the oldest ones."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class Window:
    """The fewest last blocks with at least `payments` payments; only their histograms are kept."""

    def __init__(self, payments: int) -> None:
        self._payments = payments
        self._blocks: deque[tuple[int, Integers]] = deque()
        self._count = 0
        self._sum: Integers | None = None

    @property
    def histogram(self) -> Integers | None:
        """The sum of the window's blocks; None while there are fewer than `payments` payments."""
        return self._sum if self._count >= self._payments else None

    def push(self, count: int, histogram: Integers) -> None:
        """Add a block of `count` payments; its histogram must not be changed afterwards."""
        self._blocks.append((count, histogram))
        self._count += count
        self._sum = histogram if self._sum is None else self._sum + histogram
        while self._count - self._blocks[0][0] >= self._payments:
            removed, oldest = self._blocks.popleft()
            self._count -= removed
            self._sum = self._sum - oldest
