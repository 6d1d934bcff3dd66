"""Lag of an owner's partitions: last stable offset minus position.

Not minus the committed offset: a transaction marker follows it, so the lag would never be 0. Read over a separate
connection: a stuck consumer would return the offsets of its last fetch.
"""

import asyncio
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from fraudstream.kafka.connection import BROKEN, client_options, quiet_client, stopped
from fraudstream.runtime.settings import KafkaSettings

_TIMEOUT_S = 10.0


class Owner(Protocol):
    """Owner of the partitions whose lag is read."""

    @property
    def assigned(self) -> frozenset[int]:
        """The assigned partitions."""

    async def position(self, partition: int) -> int | None:
        """Return the next offset; None if unknown."""


class LagProbe:
    """Reader of the lag, over a connection that is kept until it fails."""

    def __init__(self, kafka: KafkaSettings, topic: str, owner: Owner) -> None:
        self._kafka = kafka
        self._topic = topic
        self._owner = owner
        self._reader: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()

    async def read(self) -> dict[int, int | None] | None:
        """Return the lag by partition, None where the position is unknown; or only None if the brokers don't answer."""
        places = [TopicPartition(self._topic, partition) for partition in sorted(self._owner.assigned)]
        if not places:
            return {}
        async with self._lock:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    ends = await (await self._connected()).end_offsets(places)
            except BROKEN:
                await self.close()
                return None
        lags: dict[int, int | None] = {}
        for place, end in ends.items():
            position = await self._owner.position(place.partition)
            lags[place.partition] = None if position is None else max(0, end - position)
        return lags

    async def total(self) -> int | None:
        """Return the total lag; an unknown position counts as a lag of 1. None if the brokers don't answer."""
        lags = await self.read()
        return None if lags is None else sum(1 if lag is None else lag for lag in lags.values())

    async def close(self) -> None:
        """Disconnect."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await stopped(reader)

    async def _connected(self) -> AIOKafkaConsumer:
        if self._reader is None:
            self._reader = AIOKafkaConsumer(**client_options(self._kafka), isolation_level="read_committed")
            with quiet_client():
                await self._reader.start()
        return self._reader
