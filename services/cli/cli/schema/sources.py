"""Rows of a file, whatever its columns, and messages of a topic, in chunks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from cli.progress import Progress
from cli.schema import any_rows
from cli.schema.any_rows import Content
from cli.schema.checking import Message
from fraudstream.kafka.connection import Log
from fraudstream.payment_files.reading import count_lines
from fraudstream.runtime.settings import KafkaSettings

_CHUNK = 1_000


class Rows(NamedTuple):
    """The rows of a file; `columns` are the names in its header, none in JSON Lines."""

    columns: tuple[str, ...]
    chunks: AsyncIterator[Sequence[Content]]


@asynccontextmanager
async def opened_file(path: Path, log: Log) -> AsyncIterator[Rows]:
    """Open a table file. Raises PaymentFileError, also while it is read."""
    progress = Progress("reading", count_lines(path), log)
    with any_rows.opened(path) as table:

        async def chunks() -> AsyncIterator[Sequence[Content]]:
            while chunk := list(islice(table.rows, _CHUNK)):
                yield chunk
                progress.advance(None, len(chunk))

        yield Rows(table.columns, chunks())
        progress.finish()


@asynccontextmanager
async def opened_topic(
    kafka: KafkaSettings, topic: str, last: int, log: Log
) -> AsyncIterator[AsyncIterator[Sequence[Message]]]:
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

        async def chunks() -> AsyncIterator[Sequence[Message]]:
            for partition, one in ranges.items():
                async for records in reader.records(partition, starts[partition], one.end):
                    yield [
                        Message(
                            f"partition {partition}, offset {record.offset}",
                            record.value,
                            record.damage if isinstance(record, Unreadable) else None,
                        )
                        for record in records
                    ]
                    progress.advance(partition, len(records))

        yield chunks()
        progress.finish()
