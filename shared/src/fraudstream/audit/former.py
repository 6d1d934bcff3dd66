"""Scored records of a former topic: the input was deleted and made anew, and its offsets began again."""

from contextlib import aclosing

from fraudstream.audit.entries import scored_entries
from fraudstream.kafka.reading import TopicReader
from fraudstream.offsets import Log
from fraudstream.records import Record

_LOG_APPEND_TIME = 1


async def first_of_present_topic(
    inputs: TopicReader, scored: TopicReader, partition: int, input_log: Log, scored_log: Log
) -> int:
    """The scored topic's offset from which on its records are of the present input.

    A scored record has its payment's timestamp. Where the first one has another, or its payment is not there at all,
    the former topic's records go up to where source offsets begin again.
    """
    previous: int | None = None
    async with aclosing(scored.records(partition, scored_log.start, scored_log.end)) as batches:
        async for records in batches:
            for record in records:
                entries = scored_entries([record], partition, _ignored)
                if not entries:
                    continue
                source = entries[0][0]
                if previous is None or source < previous:
                    if source < input_log.start or record.timestamp_type == _LOG_APPEND_TIME:
                        return scored_log.start  # can't be told: the payment is deleted, or the broker sets timestamps
                    if await _is_payment_of(inputs, partition, input_log, source, record):
                        return scored_log.start if previous is None else record.offset
                previous = source
    return scored_log.start if previous is None else scored_log.end


async def _is_payment_of(inputs: TopicReader, partition: int, log: Log, source: int, record: Record) -> bool:
    async for found in inputs.records(partition, source, min(source + 1, log.end)):
        return found[0].timestamp == record.timestamp
    return False


def _ignored(_: str) -> None:
    """What can't be read is reported when it is merged."""
