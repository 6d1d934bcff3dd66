"""Ages of payments, counted in buckets, and what can be said of them. Pure."""

from collections.abc import Iterable, Iterator

BUCKETS_MS = (
    *(1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700),
    *(1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000),
)
"""Upper bounds in milliseconds; what is above the last one is counted as well."""


def quantile(share: float, counts: Iterable[int]) -> float | None:
    """The `share` (0 … 1) quantile in milliseconds of ages counted by BUCKETS_MS and above; None of nothing.

    Linear within its bucket, as Prometheus's histogram_quantile; what is above the last bound is said to be there.
    """
    counted = list(counts)
    total, below = sum(counted), 0
    rank = share * total
    for (low, high), count in zip(_ranges(), counted, strict=False):
        if count and below + count >= rank:
            return low + (high - low) * max(rank - below, 0.0) / count
        below += count
    return float(BUCKETS_MS[-1]) if total else None


def _ranges() -> Iterator[tuple[float, float]]:
    low = 0.0
    for high in BUCKETS_MS:
        yield low, high
        low = high
