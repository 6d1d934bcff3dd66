"""The guarantees between owners: stable reads, fences and registrations, on a real broker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from fraudstream.kafka.cluster import admin_client
from fraudstream.kafka.consumer import CLIENT_ID
from fraudstream.kafka.first_start import commit_start
from fraudstream.kafka.group_requests import CommittedOffset, GroupRequests, Membership
from fraudstream.kafka.producing import transactional_id
from fraudstream.runtime.settings import KafkaSettings
from tests.integration.group_member import member
from tests.integration.scorer import Surroundings

pytestmark = pytest.mark.kafka4
LONG_MS = 60_000

T = TypeVar("T")


def _run(scene: Surroundings, work: Callable[[GroupRequests], Awaitable[T]]) -> T:
    async def run() -> T:
        admin = admin_client(KafkaSettings.from_env(scene.settings))
        await admin.start()
        try:
            return await work(GroupRequests(admin._client, scene.group, scene.topics[0]))
        finally:
            await admin.close()

    return asyncio.run(run())


def _committed(scene: Surroundings) -> dict[int, CommittedOffset]:
    partitions = range(scene.partitions)
    return _run(scene, lambda requests: requests.committed(partitions))


def _owners(scene: Surroundings) -> set[str]:
    return {one.metadata for one in _committed(scene).values()}


@pytest.mark.parametrize("guarantee", ["exactly_once", "at_least_once"])
def test_every_commit_names_the_owner(surroundings: Surroundings, guarantee: str) -> None:
    """The owner is named after a takeover, cycles, and an error, which makes a new owner of the same member."""
    exactly = guarantee == "exactly_once"
    prefix = transactional_id(surroundings.group, surroundings.settings["INPUT_TOPIC"], "")

    def check(owners: set[str]) -> str:
        (owner,) = owners
        assert owner.startswith(prefix) if exactly else owner == ""
        return owner

    with surroundings.ready_scorer(PROCESSING_GUARANTEE=guarantee, FAILPOINTS="torn=fail@2") as scorer:
        first = check(_owners(surroundings))
        surroundings.send_and_wait(200)
        assert check(_owners(surroundings)) == first
        surroundings.send_and_wait(200)
        assert scorer.lines("partitions taken over again")
        assert (check(_owners(surroundings)) != first) == exactly
    with surroundings.ready_scorer(PROCESSING_GUARANTEE=guarantee) as scorer:
        check(_owners(surroundings))
    if exactly:  # otherwise the abandoned cycle's records are in the topic twice
        assert surroundings.assert_each_once() == 400


@pytest.mark.partitions(1)
def test_a_stable_read_waits_for_an_open_transaction(surroundings: Surroundings) -> None:
    """An offset that a transaction may still commit is not read; an ordinary read returns the one before."""
    topic, group = surroundings.topics[0], surroundings.group

    async def work(requests: GroupRequests) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=surroundings.bootstrap, transactional_id=f"{group}-x"
        ) as producer:
            await producer.begin_transaction()
            offsets = {TopicPartition(topic, 0): OffsetAndMetadata(7, "mine")}
            await producer.send_offsets_to_transaction(offsets, group)
            stable = asyncio.ensure_future(requests.committed([0]))
            assert await requests.committed([0], stable=False) == {0: CommittedOffset(None, "")}
            done, _ = await asyncio.wait({stable}, timeout=0.5)
            assert not done
            await producer.commit_transaction()
            assert await asyncio.wait_for(stable, 30) == {0: CommittedOffset(7, "mine")}

    _run(surroundings, work)


@pytest.mark.partitions(1)
def test_a_start_does_not_wait_for_transactions_where_there_are_offsets(surroundings: Surroundings) -> None:
    """A killed owner leaves a transaction open for a minute; a group that has begun needs no first start."""
    topic, group = surroundings.topics[0], surroundings.group
    kafka = KafkaSettings.from_env(surroundings.settings)

    async def start() -> dict[int, int]:
        return await commit_start(kafka, topic, group, 1, latest=False, guarantee="exactly_once")

    async def work(requests: GroupRequests) -> None:
        assert await start() == {0: 0}
        async with AIOKafkaProducer(
            bootstrap_servers=surroundings.bootstrap, transactional_id=f"{group}-x"
        ) as producer:
            await producer.begin_transaction()
            await producer.send_offsets_to_transaction({TopicPartition(topic, 0): 7}, group)
            assert await asyncio.wait_for(start(), 30) == {}
            await producer.commit_transaction()
        assert await requests.committed([0]) == {0: CommittedOffset(7, "")}

    _run(surroundings, work)


@pytest.mark.partitions(1)
def test_a_fence_ends_a_transaction_and_its_producer(surroundings: Surroundings) -> None:
    """The fence returns when the transaction is aborted; that producer commits nothing afterwards."""
    topic, group = surroundings.topics[0], surroundings.group

    async def work(requests: GroupRequests) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=surroundings.bootstrap, transactional_id=f"{group}-x")
        await producer.start()
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"never to be read", partition=0)
        await producer.send_offsets_to_transaction({TopicPartition(topic, 0): 7}, group)
        await requests.fence(f"{group}-x", LONG_MS)
        assert await asyncio.wait_for(requests.committed([0]), 30) == {0: CommittedOffset(None, "")}
        with pytest.raises(ProducerFenced):
            await producer.commit_transaction()
        await producer.stop()

    _run(surroundings, work)


def test_a_non_member_of_that_generation_registers_nothing(surroundings: Surroundings) -> None:
    """A group with members refuses commits of any other member, and of another generation."""
    with surroundings.ready_scorer():
        before = _committed(surroundings)

        async def work(requests: GroupRequests) -> None:
            for membership in (Membership("nobody", 1), Membership("", -1)):
                with pytest.raises(KafkaError):
                    await requests.commit(membership, {0: 0}, "other")

        _run(surroundings, work)
        assert _committed(surroundings) == before


def test_scorers_of_an_earlier_release_are_not_joined(surroundings: Surroundings) -> None:
    """The new scorer waits for the members with another assignor, names them, and starts when they have left."""
    group, topic = surroundings.group, surroundings.topics[0]
    surroundings.send_payments(100)
    with member(surroundings.bootstrap, group, topic, StickyPartitionAssignor, client_id=f"{CLIENT_ID}-old"):
        scorer = surroundings.scorer()
        assert "stop all of them first" in scorer.wait_for_reason("another program in the consumer group")
        assert not scorer.is_ready
    with scorer:
        scorer.wait_until_ready()
        surroundings.wait_until_committed()
        assert "Traceback" not in scorer.output
    assert surroundings.assert_each_once() == 100
