"""How many payments are due; pure."""

_TICK_S = 0.01
_MOST_TICKS = 2
_CATCH_UP_S = 1.0


class Pace:
    """A steady rate: short delays are caught up, so that it is exact in the long run; what a stall has missed is not.

    All times are of one monotonic clock, in seconds.
    """

    def __init__(self, rate_per_s: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._start_s = now_s
        self._made = 0
        self._tick = max(1, int(rate_per_s * _TICK_S))

    def due(self, now_s: float) -> int:
        """How many payments to make now: at most what 20 ms of this rate are, or one."""
        if now_s - self._due_s(self._made) > _CATCH_UP_S:
            self._start_s, self._made = now_s, 0
        behind = int((now_s - self._start_s) * self._rate_per_s) + 1 - self._made
        return max(0, min(behind, _MOST_TICKS * self._tick))

    def made(self, count: int) -> None:
        """`count` payments were made."""
        self._made += count

    def wait_s(self, now_s: float) -> float:
        """How long nothing is due; at a fast pace until 10 ms' worth is."""
        return max(0.0, self._due_s(self._made + self._tick - 1) - now_s)

    def _due_s(self, number: int) -> float:
        return self._start_s + number / self._rate_per_s
