"""Confirmation at the terminal."""

import asyncio
import sys
import threading
from contextlib import suppress

from fraudstream.errors import FraudstreamError
from fraudstream.kafka.connection import unless_stopped
from fraudstream.runtime import terminal


async def agreed(question: str, stop: asyncio.Event) -> bool:
    """Return whether the user answers yes; a stop counts as no. Raises FraudstreamError without a terminal."""
    if not sys.stdin.isatty():
        raise FraudstreamError(
            "standard input is not a terminal, nothing was done: use --yes to continue without confirmation"
        )
    terminal.write(f"{question} [y/N] ")
    sys.stdout.flush()
    answer = await unless_stopped(_line(), stop)
    return (answer or "").strip().lower() in {"y", "yes"}


async def _line() -> str:
    """Return a line from standard input; after a cancellation, the reading thread still waits for it."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def give(line: str) -> None:
        if not answer.done():
            answer.set_result(line)

    def read() -> None:
        line = sys.stdin.readline()
        with suppress(RuntimeError):  # the loop is closed after a stop
            loop.call_soon_threadsafe(give, line)

    threading.Thread(target=read, daemon=True).start()
    return await answer
