"""Letters compared with the messages that they name, as far as the input still has these.

Any writer of the dead-letter topic can write a letter of a message that never was.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from fraudstream.dead_letters import DeadLetter
from fraudstream.dlq.choosing import LetterPlace
from fraudstream.errors import AccessRefusedError
from fraudstream.kafka.connection import Log
from fraudstream.kafka.reading import TopicReader
from fraudstream.offsets import Log as Retained
from fraudstream.records import Record, Unreadable

_GAP = 2_000
"""Offsets between two messages that are read rather than skipped: a new fetch takes as long."""

Named = Mapping[int, Sequence[DeadLetter]]
"""By offset, the letters that name it."""


@dataclass(slots=True, kw_only=True)
class Sources:
    """Compares letters; `differing` and `verified` are the places of those that could be compared."""

    reader: TopicReader
    """Of the input topic."""
    partitions: range
    log: Log
    differing: set[LetterPlace] = field(default_factory=set)
    verified: set[LetterPlace] = field(default_factory=set)
    _refused: bool = False

    async def compare(self, letters: Sequence[DeadLetter]) -> None:
        """Read the messages that these letters name, and compare. Raises KafkaSetupError."""
        named: dict[int, dict[int, list[DeadLetter]]] = {}
        for letter in letters:
            if letter.source.topic == self.reader.topic:
                of_partition = named.setdefault(letter.source.partition, {})
                of_partition.setdefault(letter.source.offset, []).append(letter)
        try:
            for partition, of_partition in named.items():
                await self._compare(partition, of_partition)
        except AccessRefusedError as error:
            if not self._refused:
                self._refused = True
                self.log.warning("letters can't be verified", reason=str(error))

    async def _compare(self, partition: int, named: Named) -> None:
        if partition not in self.partitions:
            return
        log = (await self.reader.retained([partition]))[partition]
        for first, last in _ranges(named, log):
            async with aclosing(self.reader.records(partition, first, last + 1)) as batches:
                async for records in batches:
                    for record in records:
                        for letter in named.get(record.offset, ()):
                            self._judge(letter, record)

    def _judge(self, letter: DeadLetter, record: Record) -> None:
        same = is_of(letter, record)
        if same is not None:
            (self.verified if same else self.differing).add(LetterPlace(letter.partition, letter.offset))


def is_of(letter: DeadLetter, record: Record) -> bool | None:
    """Whether `record`, which is where the letter's message was, is that message; None where that can't be known.

    It can't where the topic was re-created since, so that another message is there, or a batch is unreadable.
    """
    if letter.source.timestamp_ms != record.timestamp or (isinstance(record, Unreadable) and record.is_batch):
        return None
    if isinstance(record, Unreadable) != bool(letter.format):
        return False
    value = record.raw if isinstance(record, Unreadable) else record.value
    removed = {part.part for part in letter.removed}
    return (
        (value is None) == (letter.value is None)
        and len(value or b"") == letter.value_bytes
        and (value or b"").startswith(letter.value or b"")
        and ("key" in removed or letter.key == record.key)
        and ("headers" in removed or letter.headers == list(record.headers))
    )


def _ranges(named: Named, log: Retained) -> Iterator[tuple[int, int]]:
    """Yield first and last offset of each part of the log to read."""
    offsets = sorted(offset for offset in named if log.start <= offset < log.end)
    first = 0
    for at, offset in enumerate(offsets):
        if at + 1 == len(offsets) or offsets[at + 1] - offset > _GAP:
            yield offsets[first], offset
            first = at + 1
