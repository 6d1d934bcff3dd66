"""Topics read without a group, all partitions together, from offsets of the reader's choice."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, TopicAuthorizationFailedError

from fraudstream.kafka.allowance import fetch
from fraudstream.kafka.connection import client_options
from fraudstream.kafka.reading import offset_after, undecoded_batch
from fraudstream.kafka.rights import Rights
from fraudstream.record import Place, Record, Unreadable
from fraudstream.runtime.settings import KafkaSettings

_FETCH_MIN_BYTES = 64 << 10
_FETCH_WAIT_MS = 250
_PARTITION_BYTES = 2 << 20


class TopicFollower:
    """Reader of the committed records of topics, started and stopped like a client.

    Call `extend` or `jump` before the first `fetch`. The client's metadata is never assumed to be complete: a broker
    that has just started may report no partition of a topic, or only some. A partition is read as soon as it is
    reported, and its position is kept until then.
    """

    def __init__(self, kafka: KafkaSettings, topics: Sequence[str], reached: Mapping[Place, int] | None = None) -> None:
        """`reached` holds the next offsets of an earlier connection, at which `extend` resumes."""
        self._kafka = kafka
        self._topics = topics
        self._rights = Rights(kafka=kafka, topics=dict.fromkeys(topics, ("Read",)))
        self._consumer = AIOKafkaConsumer(
            **client_options(kafka),
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_min_bytes=_FETCH_MIN_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=_PARTITION_BYTES,
        )
        self._positions: dict[TopicPartition, int] = {}
        self._reached = {TopicPartition(*place): offset for place, offset in (reached or {}).items()}

    async def start(self) -> None:
        """Connect. Raises AccessRefusedError where this user may not read the topics."""
        await self._consumer.start()
        self._consumer.assign([TopicPartition(topic, 0) for topic in self._topics])
        with self._rights.needed():
            await self._check_authorized()

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    @property
    def positions(self) -> Mapping[Place, int]:
        """The next offset of each partition that is read."""
        return {(place.topic, place.partition): offset for place, offset in self._positions.items()}

    @property
    def reached(self) -> Mapping[Place, int]:
        """The next offset of each partition that was ever read, also where the brokers do not report it at present."""
        offsets = self._reached | self._positions
        return {(place.topic, place.partition): offset for place, offset in offsets.items()}

    @property
    def has_more(self) -> bool:
        """Whether the brokers had more records than were read, by the ends in their last answers.

        Kafka answers with all records up to a size; librdkafka's mock, with one batch of each partition.
        """
        return any(
            (end := self._consumer.last_stable_offset(place)) is not None and end > offset
            for place, offset in self._positions.items()
        )

    def behind(self, ends: Mapping[Place, int]) -> dict[Place, int]:
        """Return the distance of each partition to its end; 0 if it is not read yet."""
        positions = self.positions  # made of all partitions at each call
        return {place: max(end - positions.get(place, end), 0) for place, end in ends.items()}

    async def starts(self, places: Collection[Place]) -> dict[Place, int]:
        """Return the first retained offset of each partition."""
        starts = await self._consumer.beginning_offsets([TopicPartition(*place) for place in places])
        return {(place.topic, place.partition): offset for place, offset in starts.items()}

    async def ends(self) -> dict[Place, int]:
        """Return the last stable offset of every partition, including those that `extend` has not added yet."""
        with self._rights.needed():
            ends = await self._consumer.end_offsets(self._known() | self._consumer.assignment())
        return {(place.topic, place.partition): offset for place, offset in ends.items()}

    async def extend(self, since_ms: int, most: int) -> Collection[Place]:
        """Add the partitions that are not read yet, at the offset of an earlier connection, or from *since_ms* on.

        An offset after the partition's end is not resumed: the topic was re-created. Of a partition without an offset
        to resume, at most the last *most* records are read; returns the partitions where this omits records.
        Where the brokers can't look up timestamps, all retained records are read.
        """
        new = self._known() - self._positions.keys()
        if not new:
            return ()
        starts, ends = await self._consumer.beginning_offsets(new), await self._consumer.end_offsets(new)
        resumed = {
            place: self._reached[place] for place in new if self._reached.get(place, ends[place] + 1) <= ends[place]
        }
        firsts = await self._firsts_since(since_ms, new - resumed.keys(), starts, ends)
        latest = {place: max(first, ends[place] - most) for place, first in firsts.items()}
        self._positions |= latest | resumed
        self._reassign()
        return [(place.topic, place.partition) for place, first in firsts.items() if first < latest[place]]

    async def _firsts_since(
        self, since_ms: int, places: Collection[TopicPartition], starts: Mapping[Any, int], ends: Mapping[Any, int]
    ) -> dict[TopicPartition, int]:
        """Return the offset of each partition's first retained record of *since_ms* or later."""
        if not places:
            return {}
        try:
            times = await self._consumer.offsets_for_times(dict.fromkeys(places, since_ms))
        except KafkaError:
            return {place: starts[place] for place in places}
        return {place: max(starts[place], found.offset if found else ends[place]) for place, found in times.items()}

    def jump(self, offsets: Mapping[Place, int]) -> None:
        """Continue at these offsets, and add the partitions that are not read yet."""
        places = {TopicPartition(*place): offset for place, offset in offsets.items()}
        are_new = bool(places.keys() - self._positions.keys())
        self._positions |= places
        if are_new:
            self._reassign()
        else:
            for place, offset in places.items():
                self._consumer.seek(place, offset)

    async def fetch(self, timeout_ms: int, most: int) -> dict[Place, Sequence[Record]]:
        """Return at most *most* fetched records; a partition whose position was deleted is left for `extend` to add.

        An `Unreadable` takes the place of a damaged record, and of a whole batch that can't be decoded.
        """
        try:
            with self._rights.needed():
                fetched = await fetch(self._consumer, timeout_ms=timeout_ms, max_records=most)
        except OffsetOutOfRangeError as error:
            self._forget(error.args[0])
            return {}
        read = {place: await self._skip_undecoded(place, records) for place, records in fetched.items()}
        # the last record may be followed by transaction markers or aborted records
        self._positions |= {place: await self._consumer.position(place) for place in self._positions}
        return {(place.topic, place.partition): records for place, records in read.items()}

    async def _skip_undecoded(self, place: TopicPartition, records: Sequence[Record]) -> Sequence[Record]:
        """Skip a batch that can't be decoded: a later attempt could not read it either."""
        if batch := undecoded_batch(records[-1]):
            following = await offset_after(self._kafka, place.topic, place.partition, batch)
            self._consumer.seek(place, following)
            records = [*records[:-1], replace(batch, last_offset=following - 1)]
        _report_unreadable(place, records)
        return records

    async def _check_authorized(self) -> None:
        """Raise TopicAuthorizationFailedError for a topic that this user may not describe: its fetches never end."""
        client = self._consumer._client  # noqa: SLF001
        await client.force_metadata_update()
        if unauthorized := client.cluster.unauthorized_topics & set(self._topics):
            raise TopicAuthorizationFailedError(unauthorized)

    def _known(self) -> set[TopicPartition]:
        return {
            TopicPartition(topic, partition)
            for topic in self._topics
            for partition in self._consumer.partitions_for_topic(topic) or ()
        }

    def _forget(self, places: Collection[TopicPartition]) -> None:
        for place in places:
            self._positions.pop(place, None)
            self._reached.pop(place, None)
        self._reassign()

    def _reassign(self) -> None:
        self._consumer.assign(list(self._positions) or [TopicPartition(topic, 0) for topic in self._topics])
        for place, offset in self._positions.items():
            self._consumer.seek(place, offset)


def _report_unreadable(place: TopicPartition, records: Sequence[Record]) -> None:
    unreadable = [record for record in records if isinstance(record, Unreadable)]
    if unreadable:
        structlog.get_logger().warning(
            "unreadable records skipped",
            topic=place.topic,
            partition=place.partition,
            offset=unreadable[0].offset,
            last_offset=unreadable[-1].last_offset,
            count=len(unreadable),
            reason=unreadable[0].damage,
        )
