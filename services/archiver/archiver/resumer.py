"""Partitions taken in: where each goes on, by the database's position and what Kafka retains; said where it differs."""

import asyncio
from collections.abc import Collection, Mapping

import structlog

from archiver.positions import Case, Position, Resume, resume
from fraudstream.kafka.follower import TopicFollower
from fraudstream.kafka.reading import fingerprint_at
from fraudstream.offsets import Log
from fraudstream.record import Place
from fraudstream.runtime.metrics import ArchiverMetrics
from fraudstream.runtime.settings import KafkaSettings, TopicSettings


class PartitionResumer:
    """Takes partitions in; what retention deleted is counted in `metrics`."""

    def __init__(self, kafka: KafkaSettings, topics: TopicSettings, metrics: ArchiverMetrics) -> None:
        self._kafka = kafka
        self._labels = {topics.scored: "scored", topics.dlq: "dlq"}
        self._metrics = metrics
        self._log = structlog.get_logger()

    async def take_in(
        self, tail: TopicFollower, places: Collection[Place], ends: Mapping[Place, int], known: Mapping[Place, Position]
    ) -> None:
        """Read these partitions from now on."""
        starts = await tail.starts(places)
        logs = {place: (starts[place], max(ends[place], starts[place])) for place in places}
        found = await asyncio.gather(*(self._resume(place, *logs[place], known.get(place)) for place in places))
        for place, one in zip(places, found, strict=True):
            self._say(place, one, known.get(place))
        tail.jump({place: one.offset for place, one in zip(places, found, strict=True)})

    async def _resume(self, place: Place, start: int, end: int, position: Position | None) -> Resume:
        mark = None
        if position and position.last_offset is not None and start <= position.last_offset < end:
            mark = await fingerprint_at(self._kafka, *place, position.last_offset)
        return resume(position, Log(start=start, end=end, fingerprint=mark))

    def _say(self, place: Place, found: Resume, position: Position | None) -> None:
        topic, partition = place
        former = position.next_offset if position else None
        if found.case is Case.RETENTION_PASSED:
            self._metrics.records_lost.labels(self._labels[topic]).inc(found.lost)
            self._log.error(
                "retention passed",
                topic=topic,
                partition=partition,
                first=former,
                last=found.offset - 1,
                lost=found.lost,
                action="the rows between are in no archive; raise TOPIC_RETENTION_HOURS",
            )
        elif found.case is Case.MADE_ANEW:
            self._log.warning(
                "topic made anew", topic=topic, partition=partition, former_position=former, begins_at=found.offset
            )
