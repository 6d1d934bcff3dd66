"""Comparison of letters with the messages that they name, as far as these are still in the input topic.

Any program that may write to the dead-letter topic can write a letter for a message that never existed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import NamedTuple, Self

from cli.dlq.places import LetterPlace
from cli.progress import Progress
from fraudstream.dead_letter import DeadLetter
from fraudstream.errors import AccessRefusedError
from fraudstream.kafka.connection import Log
from fraudstream.kafka.reading import TopicReader
from fraudstream.offsets import Log as Retained
from fraudstream.record import Headers, Record, Unreadable

_GAP = 2_000
"""Gap between two offsets up to which the messages between are read: a new fetch takes as long."""


class Claim(NamedTuple):
    """A letter's description of its message, without the bytes; `content` is a hash, valid in this process only."""

    place: LetterPlace
    offset: int
    timestamp_ms: int
    is_raw: bool
    stored_bytes: int
    has_key: bool
    has_headers: bool
    content: int

    @classmethod
    def of(cls, letter: DeadLetter) -> Self:
        """Return the claim made by the letter."""
        removed = {part.part for part in letter.removed}
        has_key, has_headers = "key" not in removed, "headers" not in removed
        return cls(
            place=LetterPlace(letter.partition, letter.offset),
            offset=letter.source.offset,
            timestamp_ms=letter.source.timestamp_ms,
            is_raw=bool(letter.format),
            stored_bytes=len(letter.value or b""),
            has_key=has_key,
            has_headers=has_headers,
            content=_hash(
                letter.value, letter.value_bytes, letter.key if has_key else None, letter.headers if has_headers else []
            ),
        )

    def is_met(self, record: Record) -> bool | None:
        """Return whether `record`, read at the place of the letter's message, is that message; None if unknown.

        Unknown: the topic was re-created, so that another message is at that offset, or the batch is unreadable.
        """
        is_raw = isinstance(record, Unreadable)
        if self.timestamp_ms != record.timestamp or (isinstance(record, Unreadable) and record.is_batch):
            return None
        value = record.raw if isinstance(record, Unreadable) else record.value
        content = _hash(
            value and value[: self.stored_bytes],
            len(value or b""),
            record.key if self.has_key else None,
            list(record.headers) if self.has_headers else [],
        )
        return (self.is_raw, self.content) == (is_raw, content)


Claims = Mapping[int, Sequence[Claim]]
"""By offset."""


@dataclass(slots=True, kw_only=True)
class Sources:
    """Comparison of letters; `differing` and `verified` are the places of the letters that could be compared.

    All letters are added first, so that each message is read once, whatever the order in which letters name them.
    """

    reader: TopicReader
    """Of the input topic."""
    partitions: range
    log: Log
    differing: set[LetterPlace] = field(default_factory=set)
    verified: set[LetterPlace] = field(default_factory=set)
    _claims: dict[int, list[Claim]] = field(default_factory=dict)

    def add(self, letters: Sequence[DeadLetter]) -> None:
        """Add the claims of these letters."""
        for letter in letters:
            if letter.source.topic == self.reader.topic and letter.source.partition in self.partitions:
                self._claims.setdefault(letter.source.partition, []).append(Claim.of(letter))

    async def compare(self) -> None:
        """Read the messages that the letters name, and compare them. Raises KafkaSetupError."""
        try:
            for partition in self._claims:
                await self._compare(partition)
        except AccessRefusedError as error:
            self.log.warning("letters can't be verified", reason=str(error))

    async def _compare(self, partition: int) -> None:
        ordered = sorted(self._claims[partition], key=lambda claim: claim.offset)
        claims = {offset: list(some) for offset, some in groupby(ordered, key=lambda claim: claim.offset)}
        ranges = list(_ranges(claims, (await self.reader.retained([partition]))[partition]))
        progress = Progress("verifying", sum(last + 1 - first for first, last in ranges), self.log)
        for first, last in ranges:
            async for records in self.reader.records(partition, first, last + 1):
                self._judge(claims, records)
                progress.advance(partition, len(records))
        progress.finish()

    def _judge(self, claims: Claims, records: Sequence[Record]) -> None:
        for record in records:
            for claim in claims.get(record.offset, ()):
                is_met = claim.is_met(record)
                if is_met is not None:
                    (self.verified if is_met else self.differing).add(claim.place)


def _hash(value: bytes | None, value_bytes: int, key: bytes | None, headers: Headers) -> int:
    return hash((value, value_bytes, key, *chain.from_iterable(headers)))


def _ranges(claims: Claims, log: Retained) -> Iterator[tuple[int, int]]:
    """Yield the first and last offset of each range of the log to read."""
    offsets = sorted(offset for offset in claims if log.start <= offset < log.end)
    first = 0
    for at, offset in enumerate(offsets):
        if at + 1 == len(offsets) or offsets[at + 1] - offset > _GAP:
            yield offsets[first], offset
            first = at + 1
