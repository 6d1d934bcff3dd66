"""Thread for blocking database work: runs it in order, and never blocks the event loop or its shutdown."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """Daemon thread, unlike those of asyncio: an unresponsive server must not keep the process from exiting."""

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return what `work` returns, or raise its error; if the caller is cancelled, `work` still runs to its end."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def call() -> None:
            try:
                result = work(*arguments)
            except BaseException as error:  # noqa: BLE001 - raised to the caller
                _set_result(loop, future, error=error)
            else:
                _set_result(loop, future, result=result)

        self._work.put(call)
        return await future

    def _run(self) -> None:
        while True:
            self._work.get()()


def _set_result(
    loop: asyncio.AbstractEventLoop,
    future: "asyncio.Future[Any]",
    *,
    result: object = None,
    error: BaseException | None = None,
) -> None:
    def set_result() -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    if not loop.is_closed():
        loop.call_soon_threadsafe(set_result)
