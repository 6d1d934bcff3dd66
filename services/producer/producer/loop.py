"""The producer's loop: sends the payments that are due, while the buffer has room."""

import asyncio
import time
from typing import Protocol

from fraudstream.record import KeyedMessage
from fraudstream.runtime.heartbeat import READY, Heartbeat
from fraudstream.runtime.run import wait_for_stop
from producer.pacing import Pace
from producer.source import Source

_LONGEST_SLEEP_S = 0.5


class Sender(Protocol):
    """Connection to Kafka, as the loop uses it."""

    @property
    def kafka_unavailable(self) -> bool:
        """Whether the brokers are unreachable."""

    @property
    def refused(self) -> str | None:
        """Reason why the topic rejects payments; None if it accepts them."""

    async def has_room(self, timeout_s: float) -> bool:
        """Return whether the buffer has room, waiting for it up to `timeout_s`."""

    def put(self, messages: list[KeyedMessage]) -> None:
        """Queue messages for sending."""


async def make_payments(
    source: Source,
    sender: Sender,
    *,
    pace: Pace,
    limit: int | None,
    heartbeat: Heartbeat,
    stop: asyncio.Event,
) -> str:
    """Send payments until `stop` is set, the limit is reached or the source has ended; return which of these it was."""
    left = limit
    while not stop.is_set():
        has_room = await sender.has_room(_LONGEST_SLEEP_S)
        heartbeat.beat(sender.refused or ("Kafka unavailable" if sender.kafka_unavailable else READY))
        if not has_room:
            continue
        if due := pace.due(time.monotonic()):
            messages = source.take(due if left is None else min(due, left), time.time_ns() // 1_000_000)
            if not messages:
                return "end of the source"
            sender.put(messages)
            pace.made(len(messages))
            left = None if left is None else left - len(messages)
            if left == 0:
                return "limit"
        await _pause(stop, min(pace.wait_s(time.monotonic()), _LONGEST_SLEEP_S))
    return "stop signal"


async def _pause(stop: asyncio.Event, for_s: float) -> None:
    if for_s > 0:
        await wait_for_stop(stop, for_s)
    else:
        await asyncio.sleep(0)
