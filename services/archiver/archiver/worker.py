"""One thread for all that blocks: the database is asked in order, and never holds up the event loop, or its end."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """A daemon thread, unlike asyncio's own: a server that does not answer must not keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` returns, or raises; it goes on to its end where the caller is cancelled."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def do() -> None:
            try:
                result = work(*arguments)
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                _tell(loop, future, error=error)
            else:
                _tell(loop, future, result=result)

        self._work.put(do)
        return await future

    def _run(self) -> None:
        while True:
            self._work.get()()


def _tell(
    loop: asyncio.AbstractEventLoop,
    future: "asyncio.Future[Any]",
    *,
    result: object = None,
    error: BaseException | None = None,
) -> None:
    def settle() -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)
