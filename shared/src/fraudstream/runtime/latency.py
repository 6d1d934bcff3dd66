"""Ages of payments, counted in buckets, and their quantiles. Pure."""

from collections.abc import Iterable
from itertools import pairwise

BUCKETS_MS = (
    *(1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700),
    *(1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000),
)
"""Upper bounds in milliseconds; ages above the last one are counted as well."""


def quantile(share: float, counts: Iterable[int]) -> float | None:
    """Return the `share` (0 … 1) quantile in milliseconds of ages counted by BUCKETS_MS and above; None without ages.

    Linear within its bucket, as in Prometheus's histogram_quantile; ages above the last bound count as that bound.
    """
    counted = list(counts)
    total, below = sum(counted), 0
    rank = share * total
    for (low, high), count in zip(pairwise((0, *BUCKETS_MS)), counted, strict=False):
        if count and below + count >= rank:
            return low + (high - low) * max(rank - below, 0.0) / count
        below += count
    return float(BUCKETS_MS[-1]) if total else None
