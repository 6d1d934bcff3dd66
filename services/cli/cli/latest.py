"""The latest records of each partition of a topic, for commands that read no more of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from cli.progress import Progress
from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.cluster import admin_client, describe
from fraudstream.kafka.connection import Log
from fraudstream.kafka.reading import TopicReader, connected
from fraudstream.offsets import Log as Retained
from fraudstream.record import Record
from fraudstream.runtime.settings import KafkaSettings


@asynccontextmanager
async def latest_records(
    kafka: KafkaSettings, topic: str, last: int, log: Log, *, option: str, verb: str
) -> AsyncIterator[AsyncIterator[tuple[int, Sequence[Record]]]]:
    """Yield an iterator over the last `last` records of each partition, in chunks; no group is joined.

    `verb` names the operation for the progress. Raises KafkaSetupError, which names `option` if there is no such topic.
    """
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(lambda: admin_client(kafka), kafka, log))
        count = (await describe(admin, (topic,))).partitions[topic]
        if not count:
            raise KafkaSetupError(f"{option}: topic {topic} does not exist")
        reader = await stack.enter_async_context(connected(partial(TopicReader, kafka, topic), kafka, log))
        logs = await reader.retained(range(count))
        starts = {partition: await _start(reader, partition, one, last) for partition, one in logs.items()}
        progress = Progress(verb, sum(one.end - starts[partition] for partition, one in logs.items()), log)

        async def chunks() -> AsyncIterator[tuple[int, Sequence[Record]]]:
            for partition, one in logs.items():
                async for records in reader.records(partition, starts[partition], one.end):
                    yield partition, records
                    progress.advance(partition, len(records))

        yield chunks()
        progress.finish()


async def _start(reader: TopicReader, partition: int, log: Retained, wanted: int) -> int:
    """Return the offset of the first of the last `wanted` records.

    It may be less than the end minus `wanted`, as transaction markers have offsets too.
    """
    start, span = log.end, wanted
    offsets: list[int] = []
    while len(offsets) < wanted and start > log.start:
        end, start = start, max(log.start, start - span)
        span *= 2
        batches = reader.records(partition, start, end)
        offsets[:0] = [record.offset async for records in batches for record in records]
    return offsets[-wanted] if len(offsets) >= wanted else start
