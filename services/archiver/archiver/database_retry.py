"""Retries of work in the database while it is unavailable, full or locked."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from archiver.database import DatabaseUnavailableError
from archiver.worker import Worker
from fraudstream.runtime.log_on_change import LogOnChange
from fraudstream.runtime.run import wait_for_stop

T = TypeVar("T")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_SLOW_S = 5.0
_LOG_EVERY_S = 10.0
_CHECK_EVERY_S = 0.5
_ABANDON_AFTER_S = 10.0


class StoppedError(Exception):
    """The service is stopping, and the database has not answered."""


class DatabaseRetry:
    """Runs work until the database has done it; `problem` is the reason for the current wait."""

    def __init__(self, worker: Worker, database: str) -> None:
        """Store the worker; `database` is the name for the log."""
        self.may_have_committed = False
        """Whether an attempt has failed since the last success: it may have been committed nevertheless."""
        self._worker = worker
        self._log = structlog.get_logger().bind(database=database)
        self._waiting = LogOnChange(self._log.warning, "waiting for the database", _LOG_EVERY_S)
        self._available_s = time.monotonic()

    @property
    def problem(self) -> str:
        """Reason for the current wait; empty if there is none."""
        return self._waiting.reason or ""

    async def run(self, stop: asyncio.Event, work: Callable[..., T], *arguments: Any) -> T:
        """Return the result of `work`, retried until it succeeds. Raises StoppedError, and other errors of `work`."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                result = await self._try(stop, work, *arguments)
            except DatabaseUnavailableError as error:
                self.may_have_committed = True
                self._waiting.report(str(error), **({"action": error.action} if error.action else {}))
            else:
                self.clear()
                return result
            if await wait_for_stop(stop, pause_s):
                raise StoppedError
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def clear(self) -> None:
        """Forget the problem, and log the end of the wait."""
        self.may_have_committed = False
        if self._waiting.end():
            self._log.info("database available", waited_s=round(time.monotonic() - self._available_s, 1))
        self._available_s = time.monotonic()

    async def _try(self, stop: asyncio.Event, work: Callable[..., T], *arguments: Any) -> T:
        """Run `work` once, without a time limit; raise StoppedError if it still runs 10 s after the stop signal."""
        task = asyncio.ensure_future(self._worker.run(work, *arguments))
        began_s, stopping_s = time.monotonic(), 0.0
        while not task.done():
            await asyncio.wait({task}, timeout=_CHECK_EVERY_S)
            stopping_s = stopping_s + _CHECK_EVERY_S if stop.is_set() else 0.0
            waited_s = time.monotonic() - began_s
            if not task.done() and stopping_s > _ABANDON_AFTER_S:
                task.cancel()
                raise StoppedError
            if not task.done() and waited_s > _SLOW_S:
                self._waiting.report("no answer")
        return task.result()
