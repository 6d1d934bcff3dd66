"""Log lines that are written when a reason changes, or every N seconds."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass


class Every:
    """An interval of `every_s` seconds, which begins again each time it is over."""

    def __init__(self, every_s: float, now: Callable[[], float] = time.monotonic, *, at_once: bool = False) -> None:
        """Let the first interval be over already if `at_once` is set."""
        self._every_s = every_s
        self._now = now
        self._since_s = -math.inf if at_once else now()

    def due(self) -> float:
        """Return the seconds since the interval began, and begin it again, if it is over; else 0.0."""
        now_s = self._now()
        seconds = now_s - self._since_s
        if seconds < self._every_s:
            return 0.0
        self._since_s = now_s
        return seconds


@dataclass(slots=True)
class LogOnChange:
    """A reason for a state, logged when it changes, and every `every_s` seconds while it lasts."""

    log: Callable[..., object]
    """Method of a logger, such as `logger.warning`."""
    event: str
    every_s: float = math.inf
    now: Callable[[], float] = time.monotonic
    reason: str | None = None
    """The last reason reported, empty if it is not known; None while there is none."""
    _logged_s: float = 0.0

    def report(self, reason: str | None, **details: object) -> None:
        """Store the reason, and log it with the details if a line is due. None ends the state silently."""
        now_s = self.now()
        if reason == self.reason and now_s - self._logged_s < self.every_s:
            return
        self.reason, self._logged_s = reason, now_s
        if reason is not None:
            self.log(self.event, **({"reason": reason} if reason else {}), **details)

    def end(self) -> bool:
        """Forget the reason; return whether there was one."""
        ended, self.reason = self.reason is not None, None
        return ended
