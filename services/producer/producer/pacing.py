"""Number of payments that are due; pure."""

_TICK_S = 0.01
_MOST_TICKS = 2
_CATCH_UP_S = 1.0


class Pace:
    """Steady rate: short delays are caught up, so that it is exact in the long run; stalls over 1 s are not.

    All times are seconds of one monotonic clock.
    """

    def __init__(self, rate_per_s: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._start_s = now_s
        self._made = 0
        self._tick = max(1, int(rate_per_s * _TICK_S))

    def due(self, now_s: float) -> int:
        """Return the number of payments to send now: at most 20 ms of this rate, but at least one."""
        if now_s - self._due_s(self._made) > _CATCH_UP_S:
            self._start_s, self._made = now_s, 0
        behind = int((now_s - self._start_s) * self._rate_per_s) + 1 - self._made
        return max(0, min(behind, _MOST_TICKS * self._tick))

    def made(self, count: int) -> None:
        """Record that `count` payments were sent."""
        self._made += count

    def wait_s(self, now_s: float) -> float:
        """Return the time until the next payment is due, or at a high rate the payments of 10 ms."""
        return max(0.0, self._due_s(self._made + self._tick - 1) - now_s)

    def _due_s(self, number: int) -> float:
        return self._start_s + number / self._rate_per_s
