"""Rows of a file, whatever its columns, and messages of a topic, in chunks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from cli.latest import latest_records
from cli.progress import Progress
from cli.schema import any_rows
from cli.schema.any_rows import Content
from cli.schema.checking import Message
from fraudstream.kafka.connection import Log
from fraudstream.kafka.patches import patch_aiokafka
from fraudstream.payment_files.reading import count_lines
from fraudstream.record import Record, Unreadable
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
    patch_aiokafka()
    async with latest_records(kafka, topic, last, log, option="--topic", verb="reading") as chunks:
        yield ([_message(partition, record) for record in records] async for partition, records in chunks)


def _message(partition: int, record: Record) -> Message:
    damage = record.damage if isinstance(record, Unreadable) else None
    return Message(f"partition {partition}, offset {record.offset}", record.value, damage)
