"""Assignment of partitions to the follower, each at its stored position or at what Kafka retains of it."""

import asyncio
from collections.abc import Collection, Mapping

import structlog

from archiver.positions import Position, resume
from fraudstream.kafka.follower import TopicFollower
from fraudstream.kafka.reading import fingerprint_at
from fraudstream.offsets import Case, Log, Resume
from fraudstream.record import Place
from fraudstream.runtime.metrics import ArchiverMetrics
from fraudstream.runtime.settings import KafkaSettings, TopicSettings


class PartitionResumer:
    """Resumes partitions; counts offsets deleted by retention in `metrics`."""

    def __init__(self, kafka: KafkaSettings, topics: TopicSettings, metrics: ArchiverMetrics) -> None:
        self._kafka = kafka
        self._labels = {topics.scored: "scored", topics.dlq: "dlq"}
        self._metrics = metrics
        self._log = structlog.get_logger()

    async def resume_partitions(
        self,
        follower: TopicFollower,
        places: Collection[Place],
        ends: Mapping[Place, int],
        known: Mapping[Place, Position],
    ) -> None:
        """Let `follower` read these partitions."""
        starts = await follower.starts(places)
        logs = {place: (starts[place], max(ends[place], starts[place])) for place in places}
        resumes = await asyncio.gather(*(self._resume(place, *logs[place], known.get(place)) for place in places))
        for place, one in zip(places, resumes, strict=True):
            self._log_case(place, one, known.get(place))
        follower.jump({place: one.position for place, one in zip(places, resumes, strict=True)})

    async def _resume(self, place: Place, start: int, end: int, position: Position | None) -> Resume:
        last = None
        if position and position.last_offset is not None and start <= position.last_offset < end:
            last = await fingerprint_at(self._kafka, *place, position.last_offset)
        return resume(position, Log(start=start, end=end, fingerprint=last))

    def _log_case(self, place: Place, resumed: Resume, position: Position | None) -> None:
        topic, partition = place
        log = self._log.bind(topic=topic, partition=partition)
        previous = position.next_offset if position else None
        if resumed.case is Case.RETENTION_PASSED:
            self._metrics.records_lost.labels(self._labels[topic]).inc(resumed.lost)
            log.error(
                "retention passed",
                first=previous,
                last=resumed.position - 1,
                lost=resumed.lost,
                action="the records between are not archived; raise TOPIC_RETENTION_HOURS",
            )
        elif resumed.case is Case.TOPIC_RECREATED:
            log.warning("topic recreated", previous_position=previous, begins_at=resumed.position)
