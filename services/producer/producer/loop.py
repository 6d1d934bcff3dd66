"""The producer's loop: makes what is due, while there is room for it."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from fraudstream.record import KeyedMessage
from fraudstream.runtime.heartbeat import READY, Heartbeat
from fraudstream.runtime.run import wait_for_stop
from producer.pacing import Pace
from producer.source import Source

_LONGEST_SLEEP_S = 0.5


class Sender(Protocol):
    """What the loop asks of the way to Kafka."""

    @property
    def kafka_unavailable(self) -> bool:
        """Whether the brokers are silent."""

    @property
    def refused(self) -> str | None:
        """Why the topic accepts no payments."""

    async def has_room(self, timeout_s: float) -> bool:
        """Whether more may be put in."""

    def put(self, messages: list[KeyedMessage]) -> None:
        """Take messages over."""


async def make_payments(
    source: Source,
    sender: Sender,
    *,
    pace: Pace,
    limit: int | None,
    heartbeat: Heartbeat,
    stop: asyncio.Event,
    now: Callable[[], float] = time.monotonic,
) -> str:
    """Make payments until told to stop, the limit is reached or the source has ended; returns which of these it was."""
    left = limit
    while not stop.is_set():
        has_room = await sender.has_room(_LONGEST_SLEEP_S)
        heartbeat.beat(sender.refused or ("Kafka is away" if sender.kafka_unavailable else READY))
        if not has_room:
            continue
        if due := pace.due(now()):
            messages = source.take(due if left is None else min(due, left), time.time_ns() // 1_000_000)
            if not messages:
                return "end of the source"
            sender.put(messages)
            pace.made(len(messages))
            left = None if left is None else left - len(messages)
            if left == 0:
                return "limit"
        await _rest(stop, min(pace.wait_s(now()), _LONGEST_SLEEP_S))
    return "told to stop"


async def _rest(stop: asyncio.Event, for_s: float) -> None:
    if for_s > 0:
        await wait_for_stop(stop, for_s)
    else:
        await asyncio.sleep(0)
