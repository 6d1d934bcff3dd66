"""Asks at the terminal whether to go on."""

import asyncio
import sys
import threading
from contextlib import suppress

from fraudstream.errors import FraudstreamError
from fraudstream.kafka.connection import unless_stopped
from fraudstream.runtime import terminal


async def agreed(question: str, stop: asyncio.Event) -> bool:
    """Whether the answer is yes; told to stop is no. Raises FraudstreamError where nobody can answer."""
    if not sys.stdin.isatty():
        raise FraudstreamError("nobody can be asked here, and nothing was done: --yes continues without asking")
    terminal.write(f"{question} [y/N] ")
    sys.stdout.flush()
    answer = await unless_stopped(_line(), stop)
    return (answer or "").strip().lower() in {"y", "yes"}


async def _line() -> str:
    """A line from standard input; a thread of its own may go on to wait for it when nobody wants it any more."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def give(line: str) -> None:
        if not answer.done():
            answer.set_result(line)

    def read() -> None:
        line = sys.stdin.readline()
        with suppress(RuntimeError):  # the loop is closed: it was told to stop
            loop.call_soon_threadsafe(give, line)

    threading.Thread(target=read, daemon=True).start()
    return await answer
