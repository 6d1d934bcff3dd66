"""Work of a command that a stop interrupts."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fraudstream.errors import FraudstreamError
from fraudstream.kafka.connection import unless_stopped

T = TypeVar("T")


async def check_stop(stop: asyncio.Event) -> None:
    """Let signal handlers run between two steps of work; raise FraudstreamError after a stop."""
    await asyncio.sleep(0)
    if stop.is_set():
        raise FraudstreamError("interrupted: nothing was written")


async def unless_interrupted(work: Coroutine[Any, Any, T], stop: asyncio.Event, consequence: str) -> T:
    """Return the result of `work`, which must not be None. Raises FraudstreamError with `consequence` after a stop."""
    result = await unless_stopped(work, stop)
    if result is None:
        raise FraudstreamError(f"interrupted{consequence}")
    return result
