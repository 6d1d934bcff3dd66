"""Retained range and records of a topic, read in order and without a group."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.allowance import fetch
from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.batches import never_a_record, serves_nothing_else
from fraudstream.kafka.connection import C, Log, client_options, error_text, quiet_client, started, stopped
from fraudstream.kafka.rights import Rights
from fraudstream.offsets import NO_RECORD, fingerprint
from fraudstream.offsets import Log as Retained
from fraudstream.record import Record, Unreadable
from fraudstream.runtime.settings import KafkaSettings

_CONNECT_S = 10.0
_SILENCE_S = 60.0
_FETCH_TIMEOUT_MS = 1_000
_RECORDS = 5_000
_PARTITION_BYTES = 2 << 20
# a fetch that waits at the end of one partition delays the first fetch of the next one
_FETCH_WAIT_MS = 20
_FINGERPRINT_TIMEOUT_MS = 5_000
_SETTLE_S = 10.0
_SETTLE_POLL_S = 0.2


@asynccontextmanager
async def connected(make: Callable[[], C], kafka: KafkaSettings, log: Log) -> AsyncIterator[C]:
    """Yield a started client, and stop it. KafkaSetupError where no broker answers within 10 s, or one fails later."""
    never = asyncio.Event()
    with quiet_client():
        try:
            async with asyncio.timeout(_CONNECT_S):
                client = await started(make, never, log, bootstrap=kafka.bootstrap_servers)
        except TimeoutError:
            problem = f"no broker answers at {kafka.bootstrap_servers} within {_CONNECT_S:g} s"
            guess = f"; {reason}" if (reason := attempts.guess()) else ""
            raise KafkaSetupError(f"KAFKA_BOOTSTRAP_SERVERS: {problem}{guess}") from None
        assert client is not None  # noqa: S101 - `never` is not set
        try:
            with Rights(kafka=kafka).needed():
                yield client
        except (KafkaError, TimeoutError, ConnectionError) as error:
            attempts.check()
            raise KafkaSetupError(f"Kafka: {error_text(error)}") from error
        finally:
            await stopped(client)


@asynccontextmanager
async def _running(client: C) -> AsyncIterator[C]:
    """Start a client, and stop it after the block; its own `stop` may raise CancelledError, or never return."""
    try:
        await client.start()
        yield client
    finally:
        await stopped(client)


class TopicReader:
    """Reader of one partition at a time, started and stopped like a client."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        isolation: Literal["read_committed", "read_uncommitted"] = "read_committed",
    ) -> None:
        self.topic = topic
        self._rights = _rights(kafka, topic)
        self._consumer = AIOKafkaConsumer(
            **client_options(kafka),
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level=isolation,
            max_partition_fetch_bytes=_PARTITION_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )

    async def start(self) -> None:
        """Connect."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def never_a_record(self, partition: int, offset: int) -> bool:
        """Return whether the offset holds a transaction marker or an aborted record."""
        with self._rights.needed():
            return await never_a_record(self._consumer, TopicPartition(self.topic, partition), offset)

    async def retained(self, partitions: Collection[int]) -> dict[int, Retained]:
        """Return each partition's retained range; with read_committed, its end is the last stable offset."""
        places = [TopicPartition(self.topic, partition) for partition in partitions]
        with self._rights.needed():
            starts = await self._consumer.beginning_offsets(places)
            ends = await self._consumer.end_offsets(places)
        return {one.partition: Retained(start=starts[one], end=ends[one], fingerprint=None) for one in places}

    async def records(self, partition: int, start: int, end: int) -> AsyncGenerator[Sequence[Record], None]:
        """Yield the records at start ≤ offset < end, in order, 1 to 5,000 at a time; use one such iterator at a time.

        Offsets without a record (transaction markers, aborted or compacted records) are skipped.

        An `Unreadable` takes the place of a damaged record, and of a whole batch that can't be decoded.
        Raises KafkaSetupError where retention deletes unread records, or the position does not advance for 60 s.
        """
        if start >= end:
            return
        place = TopicPartition(self.topic, partition)
        self._consumer.assign([place])
        self._consumer.seek(place, start)
        progress_s, position = asyncio.get_running_loop().time(), start
        while position < end:
            try:
                with self._rights.needed():
                    fetched = await fetch(self._consumer, place, timeout_ms=_FETCH_TIMEOUT_MS, max_records=_RECORDS)
            except OffsetOutOfRangeError:
                raise KafkaSetupError(
                    f"{self.topic}: retention deleted records of partition {partition} during the read; run it again"
                ) from None
            records: Sequence[Record] = fetched.get(place, [])
            if records and (batch := undecoded_batch(records[-1])) and batch.offset < end:
                following = await self.offset_after(partition, batch, end)
                self._consumer.seek(place, following)
                records = [*records[:-1], replace(batch, last_offset=following - 1)]
            if records and records[-1].offset >= end:
                records = [record for record in records if record.offset < end]
            if records:
                yield records
            before, position = position, await self._consumer.position(place)
            now_s = asyncio.get_running_loop().time()
            if position > before:
                progress_s = now_s
            elif now_s - progress_s > _SILENCE_S:
                raise KafkaSetupError(f"{self.topic}: no more records of partition {partition} for {_SILENCE_S:g} s")

    async def offset_after(self, partition: int, batch: Unreadable, end: int) -> int:
        """Return the first offset after *batch* at which the broker serves something else; at most *end*.

        The length in a damaged header is not trusted. Raises KafkaError.
        """
        served, other = batch.offset, batch.offset + 1
        while other < end and await self._serves_nothing_else(partition, other, batch):
            served, other = other, min(other + 2 * (other - batch.offset), end)
        while other - served > 1:
            middle = (served + other) // 2
            if await self._serves_nothing_else(partition, middle, batch):
                served = middle
            else:
                other = middle
        return other

    async def _serves_nothing_else(self, partition: int, offset: int, batch: Unreadable) -> bool:
        with self._rights.needed():
            return await serves_nothing_else(self._consumer, TopicPartition(self.topic, partition), offset, batch.raw)


def undecoded_batch(record: Record | Unreadable) -> Unreadable | None:
    """Return the record if it is the placeholder of a whole batch that can't be decoded."""
    return record if isinstance(record, Unreadable) and record.is_batch else None


async def offset_after(kafka: KafkaSettings, topic: str, partition: int, batch: Unreadable) -> int:
    """Return the first offset after *batch*, which can't be decoded, at which the broker serves something else.

    Raises KafkaError where the brokers are unavailable.
    """
    async with _running(TopicReader(kafka, topic)) as reader:
        end = (await reader.retained([partition]))[partition].end
        return await reader.offset_after(partition, batch, end)


async def record_at(kafka: KafkaSettings, topic: str, partition: int, offset: int, timeout_ms: int) -> Record | None:
    """Return the record at *offset*; None where it is not retained, or is not received within *timeout_ms*.

    Raises KafkaError where the brokers are unavailable.
    """
    place = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(**client_options(kafka), auto_offset_reset="none", isolation_level="read_committed")
    try:
        async with _running(consumer) as reader:
            reader.assign([place])
            reader.seek(place, offset)
            with _rights(kafka, topic).needed():
                fetched = await fetch(reader, place, timeout_ms=timeout_ms, max_records=1)
    except OffsetOutOfRangeError:
        return None
    records: Sequence[Record | Unreadable] = fetched.get(place, ())
    return next((record for record in records if record.offset == offset and not undecoded_batch(record)), None)


async def fingerprint_at(kafka: KafkaSettings, topic: str, partition: int, offset: int) -> int | None:
    """Return the fingerprint of the record at *offset*, or NO_RECORD where this topic never had one there.

    None where that is unknown: no longer retained, compacted, or not received within 5 s.
    """
    record = await record_at(kafka, topic, partition, offset, _FINGERPRINT_TIMEOUT_MS)
    if record is not None:
        return fingerprint(record.timestamp, record.value)
    async with _running(TopicReader(kafka, topic)) as reader:
        return NO_RECORD if await reader.never_a_record(partition, offset) else None


def _rights(kafka: KafkaSettings, topic: str) -> Rights:
    return Rights(kafka=kafka, topics={topic: ("Read",)})


async def settled(
    stable: TopicReader,
    whole: TopicReader,
    partitions: Collection[int],
    log: Log,
    *,
    at_most_s: float = _SETTLE_S,
    required: bool = False,
) -> dict[int, Retained]:
    """Return the retained ranges once the transactions that are open now have ended, or after *at_most_s*.

    A transaction's offsets may be visible in the group shortly before its records are visible in the topic. One that
    stays open longer was left by a producer that was killed, and has committed nothing: if their end is *required*,
    it raises KafkaSetupError. A wait is logged once.
    """
    ends = {partition: one.end for partition, one in (await whole.retained(partitions)).items()}
    deadline_s = asyncio.get_running_loop().time() + at_most_s
    reported = False
    while True:
        found = await stable.retained(partitions)
        if all(one.end >= ends[partition] for partition, one in found.items()):
            return found
        if asyncio.get_running_loop().time() > deadline_s:
            break
        if not reported:
            log.info("waiting for open transactions", at_most_s=int(at_most_s))
            reported = True
        await asyncio.sleep(_SETTLE_POLL_S)
    if required:
        raise KafkaSetupError(f"{stable.topic}: a transaction has been open for {at_most_s:g} s; run it again later")
    return found
