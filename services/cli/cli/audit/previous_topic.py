"""Scored records of a former topic: the input was deleted and made anew, and its offsets began again."""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple

from cli.audit.entries import scored_entries
from fraudstream.kafka.reading import TopicReader
from fraudstream.offsets import Log
from fraudstream.record import Record

_LOG_APPEND_TIME = 1


class Present(NamedTuple):
    """The scored topic's offset from which on its records are of the present input, and how many come before it."""

    begin: int
    former: int


async def first_of_present_topic(
    inputs: TopicReader, scored: TopicReader, partition: int, input_log: Log, scored_log: Log
) -> Present:
    """Where the scored records of the present input begin.

    A scored record has its payment's timestamp. Where the first one has another, or its payment is not there at all,
    the former topic's records go up to the first one that has its payment's timestamp. Where compaction has removed a
    payment, the next scored record is compared instead.
    """
    everything = present = Present(scored_log.start, 0)
    is_former = False
    count, previous = 0, None
    async with (
        aclosing(_Payments(inputs, partition, input_log)) as payments,
        aclosing(scored.records(partition, scored_log.start, scored_log.end)) as batches,
    ):
        async for records in batches:
            for record in records:
                entries = scored_entries([record], partition, _ignored)
                if not entries:
                    continue
                source = entries[0][0]
                if previous is None or source < previous:
                    if source < input_log.start or record.timestamp_type == _LOG_APPEND_TIME:
                        return everything  # not decidable: the payment is deleted, or the broker sets timestamps
                    present = everything if previous is None else Present(record.offset, count)
                    is_former = False
                count, previous = count + 1, source
                payment = await payments.at(source)
                if payment is not None and payment.timestamp == record.timestamp:
                    return Present(record.offset, count - 1) if is_former else present
                is_former = is_former or payment is not None or await payments.never_at(source)
    return Present(scored_log.end, count) if is_former else present


class _Payments:
    """The payments of one partition of the input, read along with what was scored."""

    def __init__(self, inputs: TopicReader, partition: int, log: Log) -> None:
        self._inputs = inputs
        self._partition = partition
        self._log = log
        self._asked = -1
        self._batches: AsyncGenerator[Sequence[Record], None] | None = None
        self._held: deque[Record] = deque()

    async def at(self, offset: int) -> Record | None:
        """The payment at `offset`, if there is one; quick where offsets ascend."""
        if self._batches is None or offset < self._asked:
            await self.aclose()
            self._batches = self._inputs.records(self._partition, offset, self._log.end)
        self._asked = offset
        while not self._held or self._held[-1].offset < offset:
            batch = await anext(self._batches, None)
            self._held = deque(batch or ())
            if not self._held:
                return None
        while self._held[0].offset < offset:
            self._held.popleft()
        return self._held[0] if self._held[0].offset == offset else None

    async def never_at(self, offset: int) -> bool:
        """Whether the input never had a payment there: its end is before it, or a transaction left that offset."""
        return offset >= self._log.end or await self._inputs.never_a_record(self._partition, offset)

    async def aclose(self) -> None:
        """Read no more."""
        self._held.clear()
        if self._batches is not None:
            await self._batches.aclose()


def _ignored(_: str) -> None:
    """What can't be read is reported when it is merged."""
