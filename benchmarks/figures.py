"""Repeated measurements → medians with their spread, and ratios taken round by round. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of repeated measurements, with the least and the greatest of them."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Of at least one value."""
        return cls(median(values), min(values), max(values))


def ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """How many times `below` is `above`: each round's two neighbours compared, then the median of these ratios.

    What slows a whole round (another program, a hot processor) falls out of it.
    """
    return Spread.of([one / other for one, other in zip(above, below, strict=True)])


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ascending values that at least `share` of them do not exceed."""
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share must be above 0 and at most 1, not {share}")
    rank = -(-len(ordered) * round(share * 10_000) // 10_000)
    return ordered[rank - 1]
