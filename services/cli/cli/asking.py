"""Confirmation at the terminal."""

import asyncio
import sys
import threading
from concurrent.futures import Future, InvalidStateError
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
    answer = Future[str]()

    def read() -> None:
        line = sys.stdin.readline()
        with suppress(InvalidStateError):  # cancelled by a stop
            answer.set_result(line)

    threading.Thread(target=read, daemon=True).start()
    return await asyncio.wrap_future(answer)
