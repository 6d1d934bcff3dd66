"""Offsets of topics and groups, read from the host."""

import asyncio

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.protocol.admin import DeleteGroupsRequest

from tests.integration.topic import administer


def ends(bootstrap: str, topic: str, isolation: str = "read_uncommitted") -> dict[int, int]:
    """Return the end offset of each partition; with read_committed, the last stable one."""

    async def ask() -> dict[int, int]:
        async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, isolation_level=isolation) as consumer:
            offsets = await consumer.end_offsets(consumer.assignment())
            return {place.partition: offset for place, offset in offsets.items()}

    return asyncio.run(ask())


def committed(bootstrap: str, group: str, topic: str) -> dict[int, int]:
    """Return the group's committed offset of each partition."""
    try:
        offsets = administer(bootstrap, lambda admin: admin.list_consumer_group_offsets(group))
    except GroupCoordinatorNotAvailableError:
        return {}  # the group has never committed here
    return {place.partition: kept.offset for place, kept in offsets.items() if place.topic == topic}


def delete_group(bootstrap: str, group: str) -> None:
    """Delete an empty group with all its offsets, as their expiry does."""

    async def delete(admin: AIOKafkaAdminClient) -> None:
        client = admin._client
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
        response = await client.send(node, DeleteGroupsRequest([group]), group=ConnectionGroup.COORDINATION)
        assert [code for _, code in response.results] == [0]

    administer(bootstrap, delete)
