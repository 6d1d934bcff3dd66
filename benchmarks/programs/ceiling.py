"""The scorer's client without a scorer: the same fetches forwarded in the same transactions, bytes unchanged.

Without decoding, model and CSV, this is the maximum of aiokafka and the broker.
"""

import asyncio
import os
import sys

import structlog

from fraudstream.kafka.connection import started, stopped
from fraudstream.kafka.consumer import InputConsumer
from fraudstream.kafka.first_start import commit_start
from fraudstream.kafka.group_requests import Membership
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.owner import Owner
from fraudstream.kafka.patches import patch_aiokafka
from fraudstream.record import Message, Place
from fraudstream.runtime.run import run
from fraudstream.runtime.settings import GroupSettings, KafkaSettings, TopicSettings

_FETCH_TIMEOUT_MS = 200
_PARTITIONS = int(os.environ["TOPIC_PARTITIONS"])


class Forwarder:
    """A forwarder of the assigned partitions, once they are ready."""

    def __init__(self) -> None:
        self.kafka, self.topics = KafkaSettings.from_env(os.environ), TopicSettings.from_env(os.environ)
        self.group = GroupSettings.from_env(os.environ)
        self.owner: Owner | None = None
        self.assigned: asyncio.Queue[tuple[frozenset[int], Membership]] = asyncio.Queue()
        self.consumer = InputConsumer(self.kafka, self.topics.input, self.group.group)

    def join(self) -> None:
        """Join the group."""
        self.consumer.join(assigned=lambda *assigned: self.assigned.put_nowait(assigned), revoked=self._revoked)

    async def prepare(self) -> None:
        """Take the assigned partitions over."""
        partitions, membership = await self.assigned.get()
        owner = Owner(
            self.kafka,
            topics=self.topics,
            limits=OutputLimits(self.kafka, (self.topics.scored, self.topics.dlq)),
            group=self.group.group,
            guarantee="exactly_once",
        )
        await owner.start()
        committed, _ = await owner.fence_others(partitions, ())
        positions = {partition: offset or 0 for partition, offset in committed.items()}
        await owner.register(membership, positions)
        self.owner = owner
        self.consumer.resume(positions)

    async def cycle(self) -> None:
        """Fetch, publish, commit."""
        fetched = await self.consumer.fetch(_FETCH_TIMEOUT_MS, self.group.max_records)
        if self.owner is None or not fetched:
            return
        messages: dict[Place, list[Message]] = {
            (self.topics.scored, partition): [(record.key, record.value, record.timestamp, []) for record in records]
            for partition, records in fetched.items()
        }
        offsets = {partition: records[-1].offset + 1 for partition, records in fetched.items()}
        await self.owner.send(messages)
        await self.owner.send_offsets(offsets)
        await self.owner.commit(offsets)

    async def _revoked(self) -> None:
        owner, self.owner = self.owner, None
        if owner is not None:
            await owner.close()


async def _forward(stop: asyncio.Event) -> None:
    forwarder = Forwarder()
    await commit_start(
        forwarder.kafka,
        forwarder.topics.input,
        forwarder.group.group,
        _PARTITIONS,
        latest=False,
        guarantee="exactly_once",
    )
    consumer = await started(lambda: forwarder.consumer, stop, structlog.get_logger())
    if consumer is None:
        return
    forwarder.join()
    preparing = asyncio.create_task(forwarder.prepare())
    try:
        while not stop.is_set():
            await forwarder.cycle()
    finally:
        preparing.cancel()
        await stopped(consumer)


if __name__ == "__main__":
    patch_aiokafka()
    sys.exit(run(_forward))
