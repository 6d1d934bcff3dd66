"""Search for payments' records in the three topics, including those that are not scored or archived yet."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.audit.topics import AuditSettings, opened
from cli.csv.erased import ErasedPlace
from cli.csv.refill import known
from cli.erase.wanted import ScoredPlace, Wanted
from cli.progress import Progress
from fraudstream.csv_file.protocol import Identity
from fraudstream.dead_letter import Place, dead_letter
from fraudstream.kafka.connection import Log
from fraudstream.payment import Decoded, InvalidPayment
from fraudstream.record import Record
from fraudstream.runtime.settings import TopicSettings
from fraudstream.scored_payment import ScoredFormat

Source = tuple[str, int]
"""A topic and partition."""


@dataclass(slots=True, kw_only=True)
class Found:
    """The payments' records in the topics.

    `unscored` counts input records that the group has not committed: their rows may be written later. `last` is the
    highest offset found in each partition of the output topics: an archive before it adds rows later. `letters` are
    places in the input, not in the dead-letter topic: the archive is searched for those letters itself, and a letter of
    another writer may name any place.
    """

    identity: Identity
    payments: set[ScoredPlace] = field(default_factory=set)
    letters: set[Place] = field(default_factory=set)
    places: set[ErasedPlace] = field(default_factory=set)
    records: Counter[str] = field(default_factory=Counter)
    """Number of records by topic."""
    unscored: int = 0
    last: dict[Source, int] = field(default_factory=dict)


async def search(settings: AuditSettings, form: ScoredFormat, wanted: Wanted, log: Log) -> Found:
    """Search all retained records. Raises FraudstreamError."""
    async with opened(settings, log) as topics, topics.reading():
        found = Found(identity=topics.identity)
        known(settings.csv.path, found.identity)  # fails before the long search
        # committed offsets are read first: the outputs of all records before them are then in the topics
        committed = await topics.committed()
        logs = await topics.settled_logs()
        progress = Progress("searching", sum(one.end - one.start for by in logs for one in by.values()), log)
        sorting = _Sorting(form=form, wanted=wanted, topics=topics.names, found=found)
        for reader, retained, add in (
            (topics.scored, logs.scored, sorting.scored),
            # after the scored records, which it checks
            (topics.inputs, logs.inputs, lambda one, records: sorting.inputs(one, records, committed[one] or 0)),
            (topics.dlq, logs.dlq, sorting.letters),
        ):
            for partition, one in retained.items():
                async for records in reader.records(partition, one.start, one.end):
                    add(partition, records)
                    progress.advance(partition, len(records))
        progress.finish()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sorting:
    """Collector of the wanted records, by partition; scored records come first."""

    form: ScoredFormat
    wanted: Wanted
    topics: TopicSettings
    found: Found
    scored_sources: set[tuple[int, int]] = field(default_factory=set)
    """Input partition and offset of the scored records found."""

    def inputs(self, partition: int, records: Sequence[Record], committed: int) -> None:
        for record in records:
            has_scored = (partition, record.offset) in self.scored_sources
            if not has_scored and not self._may_be(record):
                continue
            payment = self.form.payment.decode(record.value)
            place = ErasedPlace(partition, record.offset, record.timestamp)
            if isinstance(payment, InvalidPayment):
                is_wanted = self._is_letter(record.key, record.value)
                if is_wanted:
                    self.found.letters.add(Place(self.topics.input, *place))
            else:
                payment_id = self._id(payment)
                is_wanted = self._is_payment(record.key, payment_id)
                scored = ScoredPlace(partition, record.offset, payment_id)
                # discarded if another writer's scored record had another key
                (self.found.payments.add if is_wanted else self.found.payments.discard)(scored)
            if not is_wanted:
                self.found.places.discard(place)
                continue
            self.found.places.add(place)
            self.found.records[self.topics.input] += 1
            self.found.unscored += record.offset >= committed

    def scored(self, partition: int, records: Sequence[Record]) -> None:
        for record in filter(self._may_be, records):
            payment = self.form.read(record.value)
            if payment and self._is_payment(record.key, payment.id):
                source = payment.source_partition, payment.source_offset
                self.found.payments.add(ScoredPlace(*source, payment.id))
                self.found.places.add(ErasedPlace(*source, record.timestamp))
                self.scored_sources.add(source)
                self._record(self.topics.scored, partition, record)

    def letters(self, partition: int, records: Sequence[Record]) -> None:
        for record in records:
            letter = dead_letter(partition, record)
            if letter and self._is_letter(letter.key, letter.value):
                self._record(self.topics.dlq, partition, record)

    def _record(self, topic: str, partition: int, record: Record) -> None:
        self.found.records[topic] += 1
        self.found.last[topic, partition] = record.offset

    def _may_be(self, record: Record) -> bool:
        return self.wanted.has_key(record.key) or self.wanted.may_be_in(record.value)

    def _id(self, payment: Decoded) -> int | str:
        found: Any = self.form.payment.columns([payment])[self.form.schema.id][0]
        return found  # type: ignore[no-any-return]

    def _is_payment(self, key: bytes | None, payment_id: int | str) -> bool:
        return payment_id in self.wanted.payment_ids or self.wanted.has_key(key)

    def _is_letter(self, key: bytes | None, value: bytes | None) -> bool:
        return self.wanted.has_key(key) or self.wanted.names_payment(value)
