"""Scored records of a previous input topic: the input was deleted and re-created, and its offsets restarted."""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple

from cli.audit.entries import ScoredEntries
from fraudstream.kafka.reading import TopicReader
from fraudstream.offsets import Log
from fraudstream.record import Record

_LOG_APPEND_TIME = 1


class Present(NamedTuple):
    """Start of the present input's records in the scored topic, and how many of the previous input precede it."""

    begin: int
    previous: int


async def first_of_present_topic(
    inputs: TopicReader, scored: TopicReader, read: ScoredEntries, partition: int, input_log: Log, scored_log: Log
) -> Present:
    """Return where the scored records of the present input begin, as `read` finds their payments.

    A scored record has its payment's timestamp. If the first one has another, or its payment is missing, then all
    records before the first one with its payment's timestamp are of the previous topic. If compaction has removed a
    payment, the next scored record is compared instead.
    """
    everything = present = Present(scored_log.start, 0)
    is_previous = False
    count, last_source = 0, None
    async with (
        aclosing(_Payments(inputs, partition, input_log)) as payments,
        aclosing(scored.records(partition, scored_log.start, scored_log.end)) as batches,
    ):
        async for records in batches:
            for record in records:
                entries = read.entries([record], partition, _ignored)
                if not entries:
                    continue
                source = entries[0][0]
                if last_source is None or source < last_source:
                    if source < input_log.start or record.timestamp_type == _LOG_APPEND_TIME:
                        return everything  # unknown: the payment is deleted, or the broker sets timestamps
                    present = everything if last_source is None else Present(record.offset, count)
                    is_previous = False
                count, last_source = count + 1, source
                payment = await payments.at(source)
                if payment is not None and payment.timestamp == record.timestamp:
                    return Present(record.offset, count - 1) if is_previous else present
                is_previous = is_previous or payment is not None or await payments.never_at(source)
    return Present(scored_log.end, count) if is_previous else present


class _Payments:
    """The payments of one input partition, read alongside the scored records."""

    def __init__(self, inputs: TopicReader, partition: int, log: Log) -> None:
        self._inputs = inputs
        self._partition = partition
        self._log = log
        self._last_offset = -1
        self._batches: AsyncGenerator[Sequence[Record], None] | None = None
        self._held: deque[Record] = deque()

    async def at(self, offset: int) -> Record | None:
        """Return the payment at `offset`, if any; fast for ascending offsets."""
        if self._batches is None or offset < self._last_offset:
            await self.aclose()
            self._batches = self._inputs.records(self._partition, offset, self._log.end)
        self._last_offset = offset
        while not self._held or self._held[-1].offset < offset:
            batch = await anext(self._batches, None)
            self._held = deque(batch or ())
            if not self._held:
                return None
        while self._held[0].offset < offset:
            self._held.popleft()
        return self._held[0] if self._held[0].offset == offset else None

    async def never_at(self, offset: int) -> bool:
        """Return whether the input never had a payment at `offset`: it is after the end, or left by a transaction."""
        return offset >= self._log.end or await self._inputs.never_a_record(self._partition, offset)

    async def aclose(self) -> None:
        """Close the reading."""
        self._held.clear()
        if self._batches is not None:
            await self._batches.aclose()


def _ignored(_: str) -> None:
    """Ignore an unreadable record here: the merge reports it."""
