"""A consumer group seen from outside: who is in it, and what it has committed."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, for_code

from fraudstream.kafka.cluster import admin_client
from fraudstream.kafka.connection import BROKEN, quiet_client, stopped
from fraudstream.runtime.settings import KafkaSettings

T = TypeVar("T")
_PATIENCE_S = 20.0
_PAUSE_S = 0.3
_TIMEOUT_S = 10.0


async def committed_offsets(
    admin: AIOKafkaAdminClient, group: str, topic: str, partitions: Collection[int]
) -> dict[int, int | None]:
    """The group's committed offset of each partition; None where it has none."""
    places = [TopicPartition(topic, partition) for partition in partitions]

    async def ask() -> Mapping[TopicPartition, Any]:
        try:
            return await admin.list_consumer_group_offsets(group, partitions=places)
        except GroupAuthorizationFailedError:
            raise GroupAuthorizationFailedError(group) from None

    found = await _patiently(ask)
    offsets = {place.partition: entry.offset for place, entry in found.items()}
    return {partition: offset if (offset := offsets.get(partition, -1)) >= 0 else None for partition in partitions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a group; what it is subscribed to and assigned is empty where it is no consumer, or not known yet."""

    client_id: str
    host: str
    subscribed: frozenset[str] = frozenset()
    assigned: frozenset[TopicPartition] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group as its coordinator describes it; subscriptions and assignments are known only while it is stable."""

    stable: bool
    assignor: str
    members: tuple[Member, ...]


async def describe_group(admin: AIOKafkaAdminClient, group: str) -> Group:
    """Ask the group's coordinator. Raises KafkaError."""

    async def ask() -> Group:
        (response,) = await admin.describe_consumer_groups([group])
        (entry,) = response.to_object()["groups"]
        if entry["error_code"]:
            raise for_code(entry["error_code"])(group)
        return Group(
            stable=entry["state"] == "Stable",
            assignor=entry["protocol"],
            members=tuple(map(_member, entry["members"])),
        )

    return await _patiently(ask)


def _member(entry: Mapping[str, Any]) -> Member:
    subscribed, assigned = frozenset[str](), frozenset[TopicPartition]()
    with suppress(ValueError, TypeError):  # written by any program
        subscribed = frozenset(ConsumerProtocol.METADATA.decode(entry["member_metadata"]).subscription)
        assigned = frozenset(ConsumerProtocol.ASSIGNMENT.decode(entry["member_assignment"]).partitions())
    return Member(
        client_id=entry["client_id"],
        host=entry["client_host"].removeprefix("/"),
        subscribed=subscribed,
        assigned=assigned,
    )


class GroupProbe:
    """Describes one group again and again; keeps its connection until that fails."""

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        self._kafka = kafka
        self._group = group
        self._admin: AIOKafkaAdminClient | None = None

    async def read(self) -> Group | None:
        """Return the group as it is now; None where the brokers don't answer."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                if self._admin is None:
                    self._admin = admin_client(self._kafka)
                    with quiet_client():
                        await self._admin.start()
                return await describe_group(self._admin, self._group)
        except BROKEN:
            await self.close()
            return None

    async def close(self) -> None:
        """Disconnect."""
        admin, self._admin = self._admin, None
        if admin is not None:
            await stopped(admin)


async def member_count(admin: AIOKafkaAdminClient, group: str) -> int:
    """How many members the group has now; a process that was killed stays one until its session ends."""
    return len((await describe_group(admin, group)).members)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again while the group's coordinator is being found or is loading: aiokafka's admin client does not."""
    deadline_s = asyncio.get_running_loop().time() + _PATIENCE_S
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not error.retriable or asyncio.get_running_loop().time() > deadline_s:
                raise
            await asyncio.sleep(_PAUSE_S)
