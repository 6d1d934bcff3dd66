"""Members and committed offsets of a consumer group, read with an admin client."""

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
_RETRY_FOR_S = 20.0
_PAUSE_S = 0.3
_TIMEOUT_S = 10.0


async def committed_offsets(
    admin: AIOKafkaAdminClient, group: str, topic: str, partitions: Collection[int]
) -> dict[int, int | None]:
    """Return the group's committed offset of each partition; None where it has none."""
    places = [TopicPartition(topic, partition) for partition in partitions]

    async def request() -> Mapping[TopicPartition, Any]:
        try:
            return await admin.list_consumer_group_offsets(group, partitions=places)
        except GroupAuthorizationFailedError:
            raise GroupAuthorizationFailedError(group) from None

    entries = await _retry(request)
    offsets = {place.partition: entry.offset for place, entry in entries.items()}
    return {partition: offset if (offset := offsets.get(partition, -1)) >= 0 else None for partition in partitions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of a group; `subscribed` and `assigned` are empty if it is not a consumer, or they are not known yet."""

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
    """Describe the group as its coordinator reports it. Raises KafkaError."""

    async def request() -> Group:
        (response,) = await admin.describe_consumer_groups([group])
        (entry,) = response.to_object()["groups"]
        if entry["error_code"]:
            raise for_code(entry["error_code"])(group)
        return Group(
            stable=entry["state"] == "Stable",
            assignor=entry["protocol"],
            members=tuple(map(_member, entry["members"])),
        )

    return await _retry(request)


def _member(entry: Mapping[str, Any]) -> Member:
    subscribed, assigned = frozenset[str](), frozenset[TopicPartition]()
    with suppress(ValueError, TypeError):  # written by an arbitrary program
        subscribed = frozenset(ConsumerProtocol.METADATA.decode(entry["member_metadata"]).subscription)
        assigned = frozenset(ConsumerProtocol.ASSIGNMENT.decode(entry["member_assignment"]).partitions())
    return Member(
        client_id=entry["client_id"],
        host=entry["client_host"].removeprefix("/"),
        subscribed=subscribed,
        assigned=assigned,
    )


class GroupProbe:
    """Repeated description of one group, over a connection that is kept until it fails."""

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        self._kafka = kafka
        self._group = group
        self._admin: AIOKafkaAdminClient | None = None

    async def read(self) -> Group | None:
        """Return the current state of the group; None if the brokers don't answer."""
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
    """Return the group's number of members; a process that was killed counts until its session times out."""
    return len((await describe_group(admin, group)).members)


async def _retry(request: Callable[[], Awaitable[T]]) -> T:
    """Retry while the group's coordinator is being looked up or is loading: aiokafka's admin client does not."""
    deadline_s = asyncio.get_running_loop().time() + _RETRY_FOR_S
    while True:
        try:
            return await request()
        except KafkaError as error:
            if not error.retriable or asyncio.get_running_loop().time() > deadline_s:
                raise
            await asyncio.sleep(_PAUSE_S)
