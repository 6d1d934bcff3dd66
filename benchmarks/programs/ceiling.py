"""The scorer's client without a scorer: the same fetches forwarded in the same transactions, bytes untouched.

No decoding, no model, no CSV: what is left is what aiokafka and the broker can do.
"""

import asyncio
import os
import sys

import structlog

from fraudstream.kafka.connection import started, stopped
from fraudstream.kafka.consumer import Assignment, InputConsumer, commit_start
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.outlet import Outlet
from fraudstream.lifecycle import run
from fraudstream.rows import Message
from fraudstream.settings import GroupSettings, KafkaSettings, TopicSettings

_FETCH_TIMEOUT_MS = 200
_PARTITIONS = int(os.environ["TOPIC_PARTITIONS"])


class Forwarder:
    """Owns the assigned partitions' outlets, once they are ready."""

    def __init__(self) -> None:
        self.kafka, self.topics = KafkaSettings.from_env(os.environ), TopicSettings.from_env(os.environ)
        self.group = GroupSettings.from_env(os.environ)
        self.outlets: dict[int, Outlet] = {}
        self.assigned: asyncio.Queue[frozenset[int]] = asyncio.Queue()
        self.consumer = InputConsumer(
            self.kafka,
            self.topics.input,
            self.group.group,
            Assignment(assigned=self.assigned.put_nowait, revoked=self._revoked),
        )

    async def prepare(self) -> None:
        """Take the assigned partitions over."""
        partitions = await self.assigned.get()
        outlets = {partition: self._outlet(partition) for partition in partitions}
        await asyncio.gather(*(outlet.start() for outlet in outlets.values()))
        positions = {partition: await self.consumer.committed(partition) or 0 for partition in partitions}
        self.outlets = outlets
        self.consumer.resume(positions)

    async def cycle(self) -> None:
        """Fetch, publish, commit."""
        fetched = await self.consumer.fetch(_FETCH_TIMEOUT_MS, self.group.max_records)
        messages: dict[int, list[Message]] = {
            partition: [(record.key, record.value, record.timestamp, []) for record in records]
            for partition, records in fetched.items()
            if partition in self.outlets
        }
        await asyncio.gather(
            *(self.outlets[partition].send({self.topics.scored: batch}) for partition, batch in messages.items())
        )
        await asyncio.gather(
            *(self.outlets[partition].commit(fetched[partition][-1].offset + 1) for partition in messages)
        )

    def _outlet(self, partition: int) -> Outlet:
        return Outlet(
            self.kafka,
            topics=self.topics,
            limits=OutputLimits(self.kafka, (self.topics.scored, self.topics.dlq)),
            group=self.group.group,
            partition=partition,
            guarantee="exactly_once",
            commit=self.consumer.commit,
        )

    async def _revoked(self, _: frozenset[int]) -> None:
        outlets, self.outlets = self.outlets, {}
        await asyncio.gather(*(outlet.close() for outlet in outlets.values()))


async def _forward(stop: asyncio.Event) -> None:
    forwarder = Forwarder()
    await commit_start(forwarder.kafka, forwarder.topics.input, forwarder.group.group, _PARTITIONS, latest=False)
    consumer = await started(lambda: forwarder.consumer, stop, structlog.get_logger())
    if consumer is None:
        return
    preparing = asyncio.create_task(forwarder.prepare())
    try:
        while not stop.is_set():
            await forwarder.cycle()
    finally:
        preparing.cancel()
        await stopped(consumer)


if __name__ == "__main__":
    sys.exit(run(_forward))
