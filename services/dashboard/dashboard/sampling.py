"""Number of payments read, and skipped to keep up. Pure."""

from collections import deque

_OVER_S = 10


class Sampling:
    """Counts of the last 10 s."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int, int]] = deque()
        self._skipped_s = 0.0

    def read(self, count: int, now_s: float) -> None:
        """Count payments that were read."""
        self._counts.append((now_s, count, 0))
        self._forget(now_s)

    def skip(self, count: int, now_s: float) -> int:
        """Count skipped payments; return the second of the earliest one, as far as known."""
        since_s, self._skipped_s = max(self._skipped_s, now_s - _OVER_S), now_s
        self._counts.append((now_s, 0, count))
        return int(since_s)

    def shown(self, now_s: float) -> dict[str, int] | None:
        """Return the counts for the page; None if no payment was skipped."""
        self._forget(now_s)
        read = sum(count for _, count, _ in self._counts)
        skipped = sum(count for _, _, count in self._counts)
        return {"read": read, "of": read + skipped} if skipped else None

    def _forget(self, now_s: float) -> None:
        while self._counts and now_s - self._counts[0][0] > _OVER_S:
            self._counts.popleft()
