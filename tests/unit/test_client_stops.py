"""Clients whose `stop` is cancelled, as aiokafka's is while a broker is unavailable: their caller is not."""

import asyncio
from collections.abc import Collection

import pytest
from aiokafka import TopicPartition
from tests.scores import Record

from fraudstream.kafka import first_start, reading
from fraudstream.kafka.first_start import commit_start
from fraudstream.kafka.reading import fingerprint_at, record_at
from fraudstream.offsets import NO_RECORD
from fraudstream.runtime.settings import KafkaSettings

KAFKA = KafkaSettings.from_env({})


class _Consumer:
    """A client that works until it is stopped."""

    def __init__(self, **_: object) -> None:
        self.committed_offsets: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        raise asyncio.CancelledError

    def assign(self, _: object) -> None:
        pass

    def seek(self, _: object, __: int) -> None:
        pass

    async def committed(self, place: TopicPartition) -> int | None:
        return self.committed_offsets.get(place)

    async def beginning_offsets(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 3)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed_offsets |= offsets


@pytest.fixture(autouse=True)
def clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace aiokafka's consumers."""
    for module in (reading, first_start):
        monkeypatch.setattr(module, "AIOKafkaConsumer", _Consumer)


def test_a_record_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is returned, here to the search of the page."""
    found = Record(b"{}", offset=7)

    async def fetch(_: object, place: TopicPartition, **__: object) -> object:
        return {place: [found]}

    monkeypatch.setattr(reading, "fetch", fetch)
    assert asyncio.run(record_at(KAFKA, "scored", 0, 7, 100)) is found


def test_a_fingerprint_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A takeover of partitions continues: its task, if cancelled, would not be started again."""

    async def fetch(*_: object, **__: object) -> object:
        return {}

    async def never_a_record(*_: object) -> bool:
        return True

    monkeypatch.setattr(reading, "fetch", fetch)
    monkeypatch.setattr(reading, "never_a_record", never_a_record)
    assert asyncio.run(fingerprint_at(KAFKA, "input", 0, 7)) == NO_RECORD


def test_start_offsets_are_committed() -> None:
    """The start of a new group succeeds."""
    work = commit_start(KAFKA, "input", "group", 2, latest=False, guarantee="at_least_once")
    assert asyncio.run(work) == {0: 3, 1: 3}
