"""Runs a service: uvloop, signals → one stop event, errors → one line and an exit code."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from fraudstream.errors import FraudstreamError

Main = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
_EXIT_AT_ONCE = 130


def run(main: Main) -> int:
    """Run `main(stop)` until it returns; the first SIGTERM or SIGINT sets `stop`, a second exits at once.

    Returns the exit code: 0, or 1 after an error that a user can mend (logged as one line). Others pass through.
    """
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
            os._exit(_EXIT_AT_ONCE)
        structlog.get_logger().info("stopping", signal=number.name)
        stop.set()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_on_loop_error)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    await main(stop)


def _on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if "never retrieved" in context["message"]:
        # aiokafka drops futures that fail after it has told us of the same error; our own tasks are all awaited
        structlog.get_logger().debug("error left unread", error=repr(context.get("exception")))
    else:
        loop.default_exception_handler(context)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


async def wait_for_stop(stop: asyncio.Event, timeout_s: float) -> bool:
    """Sleep up to `timeout_s`, less if told to stop; returns whether told to stop."""
    try:
        await asyncio.wait_for(stop.wait(), timeout_s)
    except TimeoutError:
        return False
    return True
