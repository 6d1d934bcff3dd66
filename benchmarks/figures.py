"""Repeated measurements → medians with their spread, and ratios taken round by round. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of repeated measurements, with their minimum and maximum."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the spread of at least one value."""
        return cls(median(values), min(values), max(values))


def ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Return how many times `below` is `above`: the median of the ratios of each round's two neighbours.

    A cause that slows a whole round (another program, a hot processor) cancels out.
    """
    return Spread.of([one / other for one, other in zip(above, below, strict=True)])


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of the ascending values that at least `share` of them do not exceed."""
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share must be above 0 and at most 1, not {share}")
    rank = -(-len(ordered) * round(share * 10_000) // 10_000)
    return ordered[rank - 1]
