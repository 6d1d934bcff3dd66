"""Watchdog that ends a process without progress despite lag: Compose restarts exited services, not unhealthy ones.

It runs in a thread, as a blocked event loop runs no task. Progress is a committed cycle, a wait for a known cause, a
broker that doesn't answer, or no lag. The last two are probed over a separate connection, as a stuck consumer would
answer from stale state.
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
_PROBES_PER_TIMEOUT = 4


class Watchdog:
    """A check once a second; `patience_s` without progress ends the process."""

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
        """Run the watchdog thread until the end of the block."""
        self.progress()
        finished = threading.Event()
        threading.Thread(target=self._watch, args=(finished,), name="watchdog", daemon=True).start()
        try:
            yield
        finally:
            finished.set()

    def progress(self) -> None:
        """Record progress."""
        self._progress_s = self._now()

    def look(self) -> None:
        """End the process if it has made no progress for `patience_s`."""
        now = self._now()
        if now - self._looked_s > 5 * _LOOK_EVERY_S:
            # the process was paused, or the machine slept: not a stall
            self._progress_s = now
        self._looked_s = now
        if now - self._progress_s > self._patience_s:
            structlog.get_logger().error(
                "stalled", no_progress_for_s=round(now - self._progress_s), exit_code=EXIT_STALLED
            )
            self._end(EXIT_STALLED)

    async def probe(self, lag: Callable[[], Awaitable[int | None]]) -> None:
        """Probe the lag while nothing else shows progress, until cancelled; None means that no broker answers."""
        interval_s = self._patience_s / _PROBES_PER_TIMEOUT
        while True:
            await asyncio.sleep(interval_s)
            if self._now() - self._progress_s >= interval_s and not await lag():
                self.progress()

    def _watch(self, finished: threading.Event) -> None:
        while not finished.wait(_LOOK_EVERY_S):
            self.look()
