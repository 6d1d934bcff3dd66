"""How many payments were read, and how many passed over to keep up. Pure."""

from collections import deque

_OVER_S = 10


class Sampling:
    """Counts of the last 10 s."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int, int]] = deque()
        self._passed_s = 0.0

    def read(self, count: int, now_s: float) -> None:
        """So many were read."""
        self._counts.append((now_s, count, 0))
        self._forget(now_s)

    def pass_over(self, count: int, now_s: float) -> int:
        """So many were passed over; returns the second from which on they came, as far as that is known."""
        since_s, self._passed_s = max(self._passed_s, now_s - _OVER_S), now_s
        self._counts.append((now_s, 0, count))
        return int(since_s)

    def shown(self, now_s: float) -> dict[str, int] | None:
        """As the page gets it; None where all were read."""
        self._forget(now_s)
        read = sum(count for _, count, _ in self._counts)
        passed = sum(count for _, _, count in self._counts)
        return {"read": read, "of": read + passed} if passed else None

    def _forget(self, now_s: float) -> None:
        while self._counts and now_s - self._counts[0][0] > _OVER_S:
            self._counts.popleft()
