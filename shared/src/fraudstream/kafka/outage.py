"""Detection of brokers that don't answer; logged once at the beginning and once at the end of an outage."""

import asyncio
import time
from collections.abc import Callable

from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.connection import Log

_SILENCE_S = 2.0


class Outage:
    """State that is on from when an expected answer is 2 s late until the next one; `changed` is called on both."""

    def __init__(
        self,
        log: Log,
        changed: Callable[[], None],
        silence_s: float = _SILENCE_S,
        explained: Callable[[], object] = lambda: None,
    ) -> None:
        """*explained* returns whether there is another reason than unavailable brokers, which is logged already."""
        self.is_on = False
        self._explained = explained
        self._logged = False
        self._log = log
        self._changed = changed
        self._silence_s = silence_s
        self._since_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def expect(self) -> None:
        """Start the timer for an answer, unless one is already expected."""
        if self._timer is None and not self.is_on:
            self._since_s = time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(self._silence_s, self._begin)

    def over(self, *, more_expected: bool) -> None:
        """End the outage on an answer."""
        self.end()
        if self.is_on:
            self.is_on = False
            if self._logged:
                self._log.info("Kafka is available again", outage_s=round(time.monotonic() - self._since_s, 1))
        if more_expected:
            self.expect()

    def end(self) -> None:
        """Cancel the timer: no answer is expected any longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._timer = None
        self.is_on = True
        self._logged = not self._explained()
        if self._logged:
            refused = attempts.final_refusal()
            details = {"reason": refused} if refused else {}
            self._log.warning("Kafka is unavailable: waiting, nothing is lost", **details)
        self._changed()
