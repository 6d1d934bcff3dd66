"""Ends the process when it makes no progress although there is lag: Compose restarts one that exits, not a sick one.

A thread judges, as a blocked event loop runs no task. Progress is a committed cycle, a known obstacle that is waited
for, a broker that doesn't answer, or no lag; the last two are asked over a connection of their own, as a stuck consumer
would answer from what it knew.
"""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog

EXIT_STALLED = 75
_LOOK_EVERY_S = 1.0
_PROBES_PER_PATIENCE = 4


class Watchdog:
    """Judges once a second; `patience_s` without progress ends the process."""

    def __init__(
        self,
        patience_s: float,
        now: Callable[[], float] = time.monotonic,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._patience_s = patience_s
        self._now = now
        self._end = end
        self._progress_s = self._looked_s = now()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch, in a thread, until the end of the block."""
        self.progress()
        over = threading.Event()
        threading.Thread(target=self._watch, args=(over,), name="watchdog", daemon=True).start()
        try:
            yield
        finally:
            over.set()

    def progress(self) -> None:
        """All is well for now."""
        self._progress_s = self._now()

    def look(self) -> None:
        """Judge once."""
        now = self._now()
        if now - self._looked_s > 5 * _LOOK_EVERY_S:
            # the process itself was stopped, or the machine slept: that is no stall of ours
            self._progress_s = now
        self._looked_s = now
        if now - self._progress_s > self._patience_s:
            structlog.get_logger().error(
                "stalled", no_progress_for_s=round(now - self._progress_s), exit_code=EXIT_STALLED
            )
            self._end(EXIT_STALLED)

    async def probe(self, lag: Callable[[], Awaitable[int | None]]) -> None:
        """Ask for the lag, again and again while nothing else shows progress; None is a broker that doesn't answer."""
        interval_s = self._patience_s / _PROBES_PER_PATIENCE
        while True:
            await asyncio.sleep(interval_s)
            if self._now() - self._progress_s >= interval_s and not await lag():
                self.progress()

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(_LOOK_EVERY_S):
            self.look()
