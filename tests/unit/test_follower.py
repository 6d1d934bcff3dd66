"""Incomplete metadata after a broker's start: every position is kept, and a re-created topic is detected."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.kafka import follower as module
from fraudstream.kafka.follower import TopicFollower
from fraudstream.record import Place
from fraudstream.runtime.settings import KafkaSettings

TOPIC = "scored"
PARTITIONS = 6


class _OffsetAndTimestamp(NamedTuple):
    offset: int


class _Consumer:
    """A client of brokers that report some of the partitions, whose logs begin at 0 and end at `ends`."""

    reported: frozenset[int] = frozenset()
    ends: Mapping[int, int] = {}
    stable: int | None = None

    def __init__(self, **_: object) -> None:
        self.assigned: list[TopicPartition] = []

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = places

    def assignment(self) -> frozenset[TopicPartition]:
        return frozenset(self.assigned)

    def last_stable_offset(self, place: TopicPartition) -> int | None:
        assert place in self.assigned
        return self.stable

    def seek(self, place: TopicPartition, _: int) -> None:
        assert place in self.assigned

    def partitions_for_topic(self, _: str) -> frozenset[int] | None:
        return self.reported or None

    async def beginning_offsets(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 0)

    async def end_offsets(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return {place: self.ends[place.partition] for place in places}

    async def offsets_for_times(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, _OffsetAndTimestamp]:
        return dict.fromkeys(times, _OffsetAndTimestamp(0))


def follow(reports: list[frozenset[int]], ends: Mapping[int, int], reached: Mapping[Place, int]) -> TopicFollower:
    """Return a follower that got these reports of partitions, one after the other, on one connection."""

    async def read() -> TopicFollower:
        _Consumer.ends = ends
        follower = TopicFollower(KafkaSettings.from_env({}), (TOPIC,), reached)
        for reported in reports:
            _Consumer.reported = reported
            await follower.extend(0, 1_000)
        return follower

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AIOKafkaConsumer", _Consumer)
        return asyncio.run(read())


@given(
    st.lists(st.lists(st.frozensets(st.integers(0, PARTITIONS - 1)), max_size=4), min_size=1, max_size=4),
    st.lists(st.integers(0, 100), min_size=PARTITIONS, max_size=PARTITIONS),
)
def test_no_position_is_dropped(connections: list[list[frozenset[int]]], offsets: list[int]) -> None:
    """Each partition resumes where it was, whatever the reports, their order and the number of connections."""
    wanted = {(TOPIC, partition): offset for partition, offset in enumerate(offsets)}
    reached: Mapping[Place, int] = wanted
    for reports in connections:
        follower = follow(reports, dict.fromkeys(range(PARTITIONS), 100), reached)
        assert follower.positions.keys() == {(TOPIC, one) for report in reports for one in report}
        assert all(wanted[place] == offset for place, offset in follower.positions.items())
        reached = follower.reached
        assert reached == wanted


def test_a_recreated_topic_is_read_from_its_beginning() -> None:
    """A partition that ends before the reached offset is read from its beginning; the others resume."""
    found = follow([frozenset({0, 1})], {0: 50, 1: 150}, {(TOPIC, 0): 100, (TOPIC, 1): 100})
    assert found.positions == {(TOPIC, 0): 0, (TOPIC, 1): 100}


def test_a_partition_that_was_never_read_is_cut() -> None:
    """A new partition starts at its last records; a resumed one is never cut."""

    async def cut() -> Collection[Any]:
        _Consumer.ends, _Consumer.reported = {0: 5_000, 1: 5_000}, frozenset({0, 1})
        return await TopicFollower(KafkaSettings.from_env({}), (TOPIC,), {(TOPIC, 0): 10}).extend(0, 1_000)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AIOKafkaConsumer", _Consumer)
        assert asyncio.run(cut()) == [(TOPIC, 1)]


def test_partitions_behind_their_ends() -> None:
    """A partition that is not read yet is not behind, nor is one whose end is older than its position."""
    found = follow([frozenset({0, 1})], {0: 50, 1: 50}, {(TOPIC, 0): 10, (TOPIC, 1): 30})
    assert found.behind({(TOPIC, 0): 50, (TOPIC, 1): 20, (TOPIC, 2): 9}) == {
        (TOPIC, 0): 40,
        (TOPIC, 1): 0,
        (TOPIC, 2): 0,
    }


@pytest.mark.parametrize(("stable", "has_more"), [(None, False), (10, False), (11, True)])
def test_records_that_an_answer_left_out(stable: int | None, *, has_more: bool) -> None:
    """There are more records where the brokers' last answer ends before the end that it names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Consumer, "stable", stable)
        assert follow([frozenset({0})], {0: 20}, {(TOPIC, 0): 10}).has_more == has_more
