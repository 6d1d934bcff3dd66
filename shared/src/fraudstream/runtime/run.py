"""The life cycle of a service: uvloop, signals → one stop event, errors → one line and an exit code."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from traceback import walk_tb
from typing import Any

import structlog

from fraudstream.errors import FraudstreamError

PRIVATE_UMASK = 0o027
"""Files of a service are readable by its user and group only."""

Main = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
_EXIT_IMMEDIATELY = 130
_CLIENT_LIBRARIES = frozenset({"aiokafka", "asyncio", "uvloop"})
_CONNECTION_MESSAGE = "socket."
"""Part of messages such as asyncio's "socket.send() raised exception."."""


def run(main: Main) -> int:
    """Run `main(stop)` until it returns; the first SIGTERM or SIGINT sets `stop`, a second one exits immediately.

    Returns the exit code: 0, or 1 after an error that a user can fix (logged as one line). Other exceptions propagate.
    Files that `main` creates are not readable by other users.
    """
    os.umask(PRIVATE_UMASK)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_with_signals(main))
    except FraudstreamError as error:
        structlog.get_logger().error("stopped", reason=str(error))
        return 1
    return 0


async def _with_signals(main: Main) -> None:
    stop = asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(_EXIT_IMMEDIATELY)
        structlog.get_logger().info("stopping", signal=number.name)
        stop.set()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_on_loop_error)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    await main(stop)


def _on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log errors that our code can't catch. `context` may lack a message, an exception, or both."""
    error, message = context.get("exception"), context.get("message") or ""
    log = structlog.get_logger()
    if "never retrieved" in message and _is_from_client_library(error):
        # aiokafka drops futures and tasks that fail after it has reported the same error
        log.debug("exception never retrieved", error=repr(error))
    elif is_lost_connection(error) or (error is None and _CONNECTION_MESSAGE in message):
        log.debug("connection lost", reason=str(error or message))
    else:
        loop.default_exception_handler({"message": "error in a callback", **context})


def _is_from_client_library(error: BaseException | None) -> bool:
    """Return whether the error's innermost frame, if it has any, is in a client library and not in our code."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__ if error else None)]
    return not frames or frames[-1].f_globals.get("__name__", "").partition(".")[0] in _CLIENT_LIBRARIES


def is_lost_connection(error: BaseException | None) -> bool:
    """Return whether the peer reset or dropped a connection; an error that names a file has another cause."""
    return isinstance(error, OSError) and error.filename is None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


@asynccontextmanager
async def alongside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run *work* during the block; at its end, cancel and await what still runs. An error of either ends both."""
    error: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as errors:
        error = errors.exceptions[0]
    if error:
        raise error


async def wait_for_stop(stop: asyncio.Event, timeout_s: float) -> bool:
    """Sleep for `timeout_s`, less if `stop` is set; return whether it is set."""
    try:
        await asyncio.wait_for(stop.wait(), timeout_s)
    except TimeoutError:
        return False
    return True
