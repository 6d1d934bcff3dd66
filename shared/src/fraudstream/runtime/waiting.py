"""Says that a service waits for another: at first, then every 10 s, and once that it is over."""

import time
from collections.abc import Callable

import structlog

_SAY_EVERY_S = 10.0


class Waiting:
    """`begins` and `ends` are the log's events."""

    def __init__(
        self,
        log: structlog.stdlib.BoundLogger,
        begins: str,
        ends: str,
        *,
        every_s: float = _SAY_EVERY_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._begins = begins
        self._ends = ends
        self._every_s = every_s
        self._now = now
        self._since_s = now()
        self._said_s: float | None = None
        self._reason: str | None = None

    def say(self, *, reason: str | None = None, **details: object) -> None:
        """It goes on; a line is written if one is due, or the reason is another one."""
        now_s = self._now()
        if self._said_s is None or now_s - self._said_s >= self._every_s or reason != self._reason:
            self._said_s, self._reason = now_s, reason
            self._log.warning(self._begins, **({"reason": reason} if reason else {}), **details)

    def over(self) -> None:
        """It has ended; a line is written if one was before. The next waiting begins now."""
        if self._said_s is not None:
            self._log.info(self._ends, waited_s=round(self._now() - self._since_s, 1))
        self._said_s, self._since_s = None, self._now()
