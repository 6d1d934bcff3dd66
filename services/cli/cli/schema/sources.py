"""Payments of a file or a topic, in chunks, each with its place."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from cli.progress import Progress
from cli.schema import any_rows
from cli.schema.any_rows import Unread
from cli.schema.checking import Payment
from fraudstream.kafka.connection import Log
from fraudstream.payment_files.reading import count_lines
from fraudstream.runtime.settings import KafkaSettings

_CHUNK = 1_000


class Source(NamedTuple):
    """Where payments are read from; `columns` are the names in a file's header, none of messages."""

    name: str
    columns: tuple[str, ...]
    chunks: AsyncIterator[Sequence[Payment]]


@asynccontextmanager
async def opened_file(path: Path, log: Log) -> AsyncIterator[Source]:
    """Open a table file. Raises PaymentFileError, also while it is read."""
    progress = Progress("reading", count_lines(path), log)
    with any_rows.opened(path) as table:

        async def chunks() -> AsyncIterator[Sequence[Payment]]:
            while chunk := [Payment(f"line {line:,}", row) for line, row in islice(table.rows, _CHUNK)]:
                yield chunk
                progress.advance(None, len(chunk))

        yield Source(str(path), table.columns, chunks())
        progress.finish()


@asynccontextmanager
async def opened_topic(kafka: KafkaSettings, topic: str, last: int, log: Log) -> AsyncIterator[Source]:
    """Open the last `last` messages of each partition; no group is joined. Raises KafkaSetupError."""
    # here, so that files can be read where aiokafka is not installed
    from cli.audit.compare import start_of_last
    from fraudstream.errors import KafkaSetupError
    from fraudstream.kafka.cluster import admin_client, describe
    from fraudstream.kafka.patches import patch_aiokafka
    from fraudstream.kafka.reading import TopicReader, connected
    from fraudstream.record import Unreadable

    patch_aiokafka()
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(lambda: admin_client(kafka), kafka, log))
        count = (await describe(admin, (topic,))).partitions[topic]
        if not count:
            raise KafkaSetupError(f"--topic: topic {topic} does not exist")
        reader = await stack.enter_async_context(connected(lambda: TopicReader(kafka, topic), kafka, log))
        ranges = await reader.retained(range(count))
        starts = {partition: await start_of_last(reader, partition, one, last) for partition, one in ranges.items()}
        progress = Progress("reading", sum(one.end - starts[partition] for partition, one in ranges.items()), log)

        async def chunks() -> AsyncIterator[Sequence[Payment]]:
            for partition, one in ranges.items():
                async for records in reader.records(partition, starts[partition], one.end):
                    yield [
                        Payment(
                            f"partition {partition}, offset {record.offset}",
                            Unread(record.damage) if isinstance(record, Unreadable) else record.value,
                        )
                        for record in records
                    ]
                    progress.advance(partition, len(records))

        yield Source(f"topic {topic}", (), chunks())
        progress.finish()
