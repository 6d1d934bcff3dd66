"""Work for the database, asked for until it is done: one that is away, full or locked is waited for."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from archiver.database import DatabaseUnavailableError
from archiver.worker import Worker
from fraudstream.runtime.run import wait_for_stop
from fraudstream.runtime.waiting import Waiting

T = TypeVar("T")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_SLOW_S = 5.0
_LOOK_EVERY_S = 0.5
_LEAVE_AFTER_S = 10.0


class StoppedError(Exception):
    """We were told to stop, and the database did not answer before."""


class DatabaseRetry:
    """Tells whoever asks what is being waited for."""

    def __init__(self, worker: Worker, database: str) -> None:
        """`database` is for the log."""
        self.obstacle = ""
        """What hinders; empty: nothing."""
        self.doubtful = False
        """Whether a try has failed since the last that did not: it may have been committed all the same."""
        self._worker = worker
        log = structlog.get_logger().bind(database=database)
        self._waiting = Waiting(log, "waiting for the database", "the database is there")

    async def run(self, stop: asyncio.Event, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` returns, once it can. Raises StoppedError, and what else it raises."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                result = await self._try(stop, work, *arguments)
            except DatabaseUnavailableError as error:
                self.doubtful = True
                self._hindered(str(error), error.action)
            else:
                self.over()
                return result
            if await wait_for_stop(stop, pause_s):
                raise StoppedError
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def over(self) -> None:
        """Nothing hinders any more."""
        self.obstacle, self.doubtful = "", False
        self._waiting.end()

    async def _try(self, stop: asyncio.Event, work: Callable[..., T], *arguments: Any) -> T:
        """One try, however long it takes; when told to stop, it is left to itself after 10 s."""
        task = asyncio.ensure_future(self._worker.run(work, *arguments))
        began_s, left_s = time.monotonic(), 0.0
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_EVERY_S)
            left_s = left_s + _LOOK_EVERY_S if stop.is_set() else 0.0
            waited_s = time.monotonic() - began_s
            if not task.done() and left_s > _LEAVE_AFTER_S:
                task.cancel()
                raise StoppedError
            if not task.done() and waited_s > _SLOW_S:
                self._hindered("no answer")
        return task.result()

    def _hindered(self, reason: str, action: str = "") -> None:
        self.obstacle = reason
        self._waiting.report(reason=reason, **({"action": action} if action else {}))
