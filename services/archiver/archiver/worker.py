"""Thread for blocking database work: runs it in order, and never blocks the event loop or its shutdown."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """Daemon thread, unlike those of asyncio: an unresponsive server must not keep the process from exiting."""

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what `work` returns, or raise its error; if the caller is cancelled, `work` still runs to its end."""
        future = Future[T]()
        future.set_running_or_notify_cancel()  # from now on it can't be cancelled

        def call() -> None:
            try:
                future.set_result(work(*arguments))
            except BaseException as error:  # noqa: BLE001 - raised to the caller
                future.set_exception(error)

        self._work.put(call)
        return await asyncio.wrap_future(future)

    def _run(self) -> None:
        while True:
            self._work.get()()
