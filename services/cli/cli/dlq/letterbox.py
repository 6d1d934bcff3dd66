"""Reader of the dead-letter topic for the commands: an index of all letters, and the bytes of selected ones."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial
from itertools import groupby
from typing import NamedTuple

from cli.dlq.index import Index
from cli.dlq.places import LetterPlace
from cli.dlq.plan import Target
from cli.dlq.sources import Sources
from cli.progress import Progress
from fraudstream.dead_letter import DeadLetter, dead_letter
from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.cluster import admin_client, describe
from fraudstream.kafka.connection import Log
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.reading import TopicReader, connected, settled
from fraudstream.kafka.rights import Operation, Rights
from fraudstream.offsets import Log as Retained
from fraudstream.payment import PaymentFormat
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.settings import KafkaSettings, TopicSettings

_CHUNK_LETTERS, _CHUNK_BYTES = 2_000, 4 << 20
# longer than the transaction timeout and the time that the broker takes to apply it
_SETTLE_S = 90.0


class Found(NamedTuple):
    """A letter with the timestamp of its record."""

    letter: DeadLetter
    timestamp_ms: int


class Letterbox:
    """Committed records of the dead-letter topic; one read at a time."""

    def __init__(
        self,
        stable: TopicReader,
        whole: TopicReader,
        partitions: range,
        target: Target,
        rules: PaymentFormat,
        kafka: KafkaSettings,
        log: Log,
    ) -> None:
        self.topic = stable.topic
        self.target = target
        self.rules = rules
        self.kafka = kafka
        self.log = log
        self._stable = stable
        self._whole = whole
        self._partitions = partitions
        self._positions: dict[int, int] = {}

    async def index(self, partitions: Collection[int] | None = None, *, judged: bool = False) -> Index:
        """Read the committed records before the first open transaction, of `partitions` or of all."""
        wanted = [one for one in self._partitions if partitions is None or one in partitions]
        return await self._extend(await self._stable.retained(wanted), Index(self.rules if judged else None))

    async def since(self, partitions: Iterable[int]) -> Index:
        """Read the records committed since `index` until now, after waiting for open transactions to end.

        Raises KafkaSetupError if one stays open.
        """
        some = list(partitions)
        ends = await settled(self._stable, self._whole, some, self.log, at_most_s=_SETTLE_S, required=True)
        return await self._extend(ends, Index())

    async def chunks(self, places: Sequence[LetterPlace]) -> AsyncIterator[list[Found]]:
        """Yield the letters at the sorted `places` in chunks, each of one partition and fit for one transaction."""
        for partition, some in groupby(places, key=lambda place: place.partition):
            chunk: list[Found] = []
            size = 0
            async with aclosing(self._letters(partition, [place.offset for place in some])) as letters:
                async for found in letters:
                    chunk.append(found)
                    size += len(found.letter.value or b"")
                    if len(chunk) >= _CHUNK_LETTERS or size >= _CHUNK_BYTES:
                        yield chunk
                        chunk, size = [], 0
            if chunk:
                yield chunk

    async def compared(self, places: Sequence[LetterPlace]) -> Sources:
        """Compare the letters at `places` with the messages that they name."""
        async with connected(partial(TopicReader, self.kafka, self.target.topic), self.kafka, self.log) as reader:
            sources = Sources(reader=reader, partitions=range(self.target.partitions), log=self.log)
            async for chunk in self.chunks(places):
                sources.add([found.letter for found in chunk])
            await sources.compare()
        return sources

    async def _letters(self, partition: int, offsets: Sequence[int]) -> AsyncGenerator[Found, None]:
        wanted = set(offsets)
        async with aclosing(self._stable.records(partition, offsets[0], offsets[-1] + 1)) as batches:
            async for records in batches:
                for record in records:
                    if record.offset in wanted and (letter := dead_letter(partition, record)):
                        yield Found(letter, record.timestamp)

    async def _extend(self, logs: Mapping[int, Retained], index: Index) -> Index:
        starts = {partition: self._positions.get(partition, log.start) for partition, log in logs.items()}
        total = sum(max(0, log.end - starts[partition]) for partition, log in logs.items())
        progress = Progress("reading", total, self.log)
        for partition, log in logs.items():
            async for records in self._stable.records(partition, starts[partition], log.end):
                index.add(partition, records)
                progress.advance(partition, len(records))
            self._positions[partition] = max(log.end, starts[partition])
        progress.finish()
        return index


@asynccontextmanager
async def letterbox(
    kafka: KafkaSettings, topics: TopicSettings, rules: PaymentFormat, log: Log, *, replays: bool
) -> AsyncIterator[Letterbox]:
    """Open the dead-letter topic for the block; payments are valid by `rules`; `replays` requires more rights.

    Raises KafkaSetupError if a topic, a right or the brokers are missing. Write access is only verified by a write.
    """
    needed: dict[str, tuple[Operation, ...]] = {topics.input: ("Write",) if replays else ("Describe",)}
    needed[topics.dlq] = ("Read", "Write") if replays else ("Read",)
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(lambda: admin_client(kafka), kafka, log))
        with Rights(kafka=kafka, topics=needed).needed():
            cluster = await describe(admin, (topics.input, topics.dlq))
        counts = cluster.partitions
        for variable, topic in (("DLQ_TOPIC", topics.dlq), ("INPUT_TOPIC", topics.input)):
            if not counts[topic]:
                raise KafkaSetupError(f"{variable}: there is no topic {topic}; create it with: {own_command('topics')}")
        limits = OutputLimits(kafka, (topics.input,))
        await limits.read(admin)
        target = Target(
            topic=topics.input,
            partitions=counts[topics.input],
            message_bytes=limits.batch_bytes(topics.input),
            keeps_transactions=cluster.keeps_transactions,
        )
        stable, whole = [
            await stack.enter_async_context(connected(partial(TopicReader, kafka, topics.dlq, isolation), kafka, log))
            for isolation in ("read_committed", "read_uncommitted")
        ]
        yield Letterbox(stable, whole, range(counts[topics.dlq]), target, rules, kafka, log)
