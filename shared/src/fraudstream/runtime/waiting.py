"""Log lines while a service waits for another: the first immediately, then one every 10 s, and one at the end."""

import time
from collections.abc import Callable

import structlog

_LOG_EVERY_S = 10.0


class Waiting:
    """Log lines of a wait; `begins` and `ends` are the log events."""

    def __init__(
        self,
        log: structlog.stdlib.BoundLogger,
        begins: str,
        ends: str,
        *,
        every_s: float = _LOG_EVERY_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._begins = begins
        self._ends = ends
        self._every_s = every_s
        self._now = now
        self._since_s = now()
        self._logged_s: float | None = None
        self._reason: str | None = None

    def report(self, *, reason: str | None = None, **details: object) -> None:
        """Log that the wait continues, if a line is due or the reason has changed."""
        now_s = self._now()
        if self._logged_s is None or now_s - self._logged_s >= self._every_s or reason != self._reason:
            self._logged_s, self._reason = now_s, reason
            self._log.warning(self._begins, **({"reason": reason} if reason else {}), **details)

    def end(self) -> None:
        """Log the end of the wait, if its start was logged. The next wait starts now."""
        if self._logged_s is not None:
            self._log.info(self._ends, waited_s=round(self._now() - self._since_s, 1))
        self._logged_s, self._since_s = None, self._now()
