"""A consumer group seen from outside: who is in it, and what it has committed."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, for_code

T = TypeVar("T")
_PATIENCE_S = 20.0
_PAUSE_S = 0.3


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


async def member_count(admin: AIOKafkaAdminClient, group: str) -> int:
    """How many members the group has now; a process that was killed stays one until its session ends."""

    async def ask() -> int:
        responses: list[Any] = await admin.describe_consumer_groups([group])
        entries = [entry for response in responses for entry in response.to_object()["groups"]]
        for entry in entries:
            if entry["error_code"]:
                raise for_code(entry["error_code"])(group)
        return sum(len(entry["members"]) for entry in entries)

    return await _patiently(ask)


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
