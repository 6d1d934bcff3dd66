"""Notices that the brokers have gone silent, and says so once; and once that they are back."""

import asyncio
import time
from collections.abc import Callable

from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.connection import Log

_SILENCE_S = 2.0


class Outage:
    """On from the moment when an expected answer is 2 s late until the next one comes; `changed` is called at both."""

    def __init__(
        self,
        log: Log,
        changed: Callable[[], None],
        silence_s: float = _SILENCE_S,
        explained: Callable[[], object] = lambda: None,
    ) -> None:
        """`explained`: whether the reason is another one than silent brokers, and is logged already."""
        self.is_on = False
        self._explained = explained
        self._logged = False
        self._log = log
        self._changed = changed
        self._silence_s = silence_s
        self._since_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def expect(self) -> None:
        """An answer is due from now on, if none was before."""
        if self._timer is None and not self.is_on:
            self._since_s = time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(self._silence_s, self._begin)

    def over(self, *, more_expected: bool) -> None:
        """An answer has come."""
        self.end()
        if self.is_on:
            self.is_on = False
            if self._logged:
                self._log.info("Kafka is back", away_s=round(time.monotonic() - self._since_s, 1))
        if more_expected:
            self.expect()

    def end(self) -> None:
        """No answer is expected any longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._timer = None
        self.is_on = True
        self._logged = not self._explained()
        if self._logged:
            refused = attempts.standing()
            self._log.warning("Kafka is away: waiting, nothing is lost", **({"reason": refused} if refused else {}))
        self._changed()
