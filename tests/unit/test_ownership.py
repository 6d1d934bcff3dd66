"""Takeovers without Kafka: the order of their steps, and the effect of one partition's error on the others."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaError

from fraudstream.csv_file.protocol import Holding, Sink
from fraudstream.kafka.consumer import InputConsumer
from fraudstream.kafka.group_requests import LEFT_GROUP, Membership
from fraudstream.kafka.owner import Owner
from fraudstream.offsets import Decided, Log
from fraudstream.runtime.metrics import ScorerMetrics
from scorer.ownership import Ownership
from scorer.takeover import Takeover

MEMBERSHIP = Membership(member_id="me", generation=7)


class World:
    """The broker and the sink of one partition, recording each step. Another owner scores until the token is taken."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.end = 0
        self.owners: list[StubOwner] = []
        self.decided: Decided | None = None
        self.blocked: dict[int, str] = {}
        self.refusal: KafkaError | None = None
        self.may_abort = asyncio.Event()
        self.may_abort.set()

    # the consumer
    def pause(self, _: Collection[int]) -> None:
        """Record the step."""
        self.steps.append("pause")

    def resume(self, positions: Mapping[int, int]) -> None:
        """Record the step."""
        self.steps.append(f"resume {dict(positions)}")

    async def logs(self, partitions: Collection[int]) -> dict[int, Log]:
        """Return the current end of the log."""
        self.steps.append("logs")
        return dict.fromkeys(partitions, Log(start=0, end=self.end, fingerprint=None))

    async def fingerprint_at(self, *_: int) -> int:
        """Return the fingerprint of the record in the journal."""
        return 42

    # the sink
    def acquire(self, partitions: Collection[int]) -> dict[int, Holding]:
        """Return the token; another owner has scored five records before."""
        self.steps.append("acquire")
        self.end, self.decided = 5, Decided(offset=4, base=0, fingerprint=42)
        return dict.fromkeys(partitions, Holding(token=1, decided=self.decided))

    def forget(self, _: Mapping[int, int]) -> None:
        """Record the step."""
        self.steps.append("forget")

    def make_owner(self) -> Owner:
        """Return the next owner."""
        owner = StubOwner(self, len(self.owners))
        self.owners.append(owner)
        return cast("Owner", owner)


class StubOwner:
    """Stub of a producer and its requests."""

    transactional = True

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.id = f"owner-{number}"

    async def start(self) -> None:
        """Record the step."""
        self.world.steps.append(f"start {self.id}")

    async def fence_others(
        self, partitions: Collection[int], ended: Collection[str]
    ) -> tuple[dict[int, int | None], dict[int, str]]:
        """Record the ids that need no fence."""
        self.world.steps.append(f"fence, but {sorted(ended)}")
        blocked = {
            partition: self.world.blocked[partition] for partition in partitions if partition in self.world.blocked
        }
        return dict.fromkeys(set(partitions) - blocked.keys(), 0), blocked

    async def register(self, membership: Membership, positions: Mapping[int, int]) -> None:
        """Record the step, or raise."""
        assert membership == MEMBERSHIP
        self.world.steps.append(f"register {self.id} {dict(positions)}")
        if self.world.refusal:
            raise self.world.refusal

    async def abandon(self) -> bool:
        """Record the step."""
        self.world.steps.append(f"abandon {self.id}")
        await self.world.may_abort.wait()
        return True

    async def close(self) -> None:
        """Record the step."""
        self.world.steps.append(f"close {self.id}")


def ownership(world: World) -> Ownership:
    """Return an ownership without partitions."""
    consumer, metrics = cast("InputConsumer", world), ScorerMetrics()
    takeover = Takeover(consumer=consumer, sink=cast("Sink", world), first={}, records_lost=metrics.records_lost)
    return Ownership(consumer, takeover, world.make_owner, metrics)


async def _until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


def test_the_steps_of_a_takeover() -> None:
    """The log's end is read after the token: records that another owner scores before do not mean another topic."""

    async def run() -> World:
        world = World()
        mine = ownership(world)
        mine.take(frozenset({3}), MEMBERSHIP)
        await _until(lambda: mine.ready)
        await mine.give_up()
        return world

    assert asyncio.run(run()).steps == [
        "start owner-0",
        "fence, but []",
        "acquire",
        "logs",
        "register owner-0 {3: 0}",
        "resume {3: 0}",
        "close owner-0",
    ]


def test_nothing_is_changed_before_the_registration() -> None:
    """In a newer generation of the group, neither is the CSV moved aside nor a partition resumed."""

    async def run() -> World:
        world = World()
        world.refusal = KafkaError("no")
        mine = ownership(world)
        mine.take(frozenset({3}), MEMBERSHIP)
        await _until(lambda: mine.problem)
        await mine.give_up()
        return world

    steps = asyncio.run(run()).steps
    assert not [step for step in steps if step.startswith(("resume", "forget"))]


@pytest.mark.parametrize("error", LEFT_GROUP)
def test_a_process_that_left_the_group_tries_once(error: type[KafkaError]) -> None:
    """Each further attempt would fence the new owner and take its token; the next assignment is taken over."""

    async def run() -> World:
        world = World()
        world.refusal = error()
        mine = ownership(world)
        mine.take(frozenset({3}), MEMBERSHIP)
        await _until(lambda: not mine._takeovers)
        assert mine.problem is None
        world.refusal = None
        await mine.give_up()
        mine.take(frozenset({3}), MEMBERSHIP)
        await _until(lambda: mine.complete)
        await mine.give_up()
        return world

    assert asyncio.run(run()).steps.count("acquire") == 2


def test_an_owner_that_is_being_abandoned_takes_nothing_over() -> None:
    """The abort may take seconds: retried partitions are registered to the next owner."""

    async def run() -> World:
        world = World()
        mine = ownership(world)
        mine.take(frozenset({0, 1}), MEMBERSHIP)
        await _until(lambda: len(mine.ready) == 2)
        world.may_abort.clear()
        mine.retake([1], "refused")
        replacing = asyncio.ensure_future(mine.replace_owner())
        await _until(lambda: 1 in mine.ready)
        assert mine.ready.keys() == {1}
        world.may_abort.set()
        await replacing
        await _until(lambda: mine.complete)
        await mine.give_up()
        return world

    assert "register owner-1 {1: 0}" in asyncio.run(run()).steps


def test_a_new_owner_after_an_error() -> None:
    """Healthy partitions are registered to it without delay, and without a fence of the abandoned id."""

    async def run() -> World:
        world = World()
        mine = ownership(world)
        mine.take(frozenset({0, 1, 2}), MEMBERSHIP)
        await _until(lambda: len(mine.ready) == 3)
        world.steps.clear()
        mine.retake([1], "refused")
        assert mine.ready.keys() == {0, 2}
        await mine.replace_owner()
        await _until(lambda: len(mine.ready) == 3)
        await mine.give_up()
        return world

    steps = asyncio.run(run()).steps
    assert steps.index("abandon owner-0") < steps.index("register owner-1 {0: 0, 2: 0}")
    assert "fence, but ['owner-0']" in steps
    assert steps.index("register owner-1 {0: 0, 2: 0}") < steps.index("register owner-1 {1: 0}")


@pytest.mark.parametrize("blocked", [{0}, {0, 2}])
def test_a_partition_whose_owner_cannot_be_fenced(blocked: set[int]) -> None:
    """That partition waits; the others are taken over in the same attempt."""

    async def run() -> None:
        world = World()
        world.blocked = dict.fromkeys(blocked, "no leader")
        mine = ownership(world)
        mine.take(frozenset({0, 1, 2}), MEMBERSHIP)
        await _until(lambda: mine.ready)
        assert mine.ready.keys() == {0, 1, 2} - blocked
        assert mine.problem == "no leader"
        assert not mine.complete
        world.blocked = {}
        await _until(lambda: mine.complete)
        assert mine.problem is None
        await mine.give_up()

    asyncio.run(run())
