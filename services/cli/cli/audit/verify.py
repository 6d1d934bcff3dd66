"""`fraudstream verify`: checks that each input record appears exactly once: in CSV and scored topic, or as a letter."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cli.audit.content import Content
from cli.audit.cursor import Cursor
from cli.audit.entries import ScoredEntries, dead_entries, row_entries
from cli.audit.merge import Bounds, Kind, Merge
from cli.audit.previous_topic import first_of_present_topic
from cli.audit.replays import Replays
from cli.audit.report import Judged, Report
from cli.audit.topics import AuditSettings, Logs, Topics, opened
from cli.csv.erased import ErasedPlace, ErasedPlaces
from cli.csv.reading import CsvSnapshot, files
from cli.csv.refill import known
from cli.progress import Progress
from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.connection import Log
from fraudstream.kafka.reading import undecoded_batch
from fraudstream.offsets import Log as Retained
from fraudstream.record import Unreadable
from fraudstream.runtime.own_command import own_command
from fraudstream.scored_payment import ScoredFormat

_COUNTED_EXACTLY = 100_000


async def verify(settings: AuditSettings, form: ScoredFormat, log: Log, *, with_csv: bool) -> Report:
    """Verify the records that the group has committed; scorers may run meanwhile. Raises FraudstreamError.

    Without the CSV, only the topics are verified: if each host has its own, none of them has all rows.
    """
    path, group = settings.csv.path, settings.group.group
    async with opened(settings, log) as topics, topics.reading():
        state = known(path, topics.identity) if with_csv else None
        # committed offsets are read first: the outputs then have everything before them
        committed = await topics.committed()
        if all(offset is None for offset in committed.values()):
            raise KafkaSetupError(f"CONSUMER_GROUP: {group} has no committed offsets in {topics.names.input} yet")
        logs = await topics.settled_logs()
        with CsvSnapshot(files(path) if with_csv else [], form.layout) as csv:
            erased = ErasedPlaces(path, topics.identity.cluster, topics.names.input)
            audit = _Audit(
                topics=topics,
                scored=ScoredEntries(form),
                logs=logs,
                committed=committed,
                first={one: mark.first for one, mark in state.marks.items()} if state else {},
                csv=csv,
                with_csv=with_csv,
                erased=erased.read() if with_csv else frozenset(),
                compacted="compact" in (await topics.settings(topics.names.input)).get("cleanup.policy", ""),
                progress=Progress("verifying", _total(logs.inputs, committed), log),
            )
            judged = [await audit.partition(partition) for partition in topics.partitions]
            audit.progress.finish()
            log.info("verified", records=audit.progress.count, per_second=audit.progress.per_second)
            missing = f"There is no CSV at {path}: {own_command('rebuild')} refills it."
            without = missing if with_csv else "Verified by the topics alone, without the CSV."
            return Report(
                topic=topics.names.input,
                partitions=judged,
                unreadable=csv.unreadable,
                unreadable_lines=csv.unreadable_lines,
                notes=[] if csv.names else [without],
            )


def _total(logs: Mapping[int, Retained], committed: Mapping[int, int | None]) -> int:
    return sum(max(0, (committed[partition] or 0) - log.start) for partition, log in logs.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Audit:
    """Verification, partition by partition."""

    topics: Topics
    scored: ScoredEntries
    logs: Logs
    committed: Mapping[int, int | None]
    first: Mapping[int, int]
    csv: CsvSnapshot
    with_csv: bool
    erased: frozenset[ErasedPlace]
    compacted: bool
    progress: Progress

    async def partition(self, partition: int) -> Judged:
        """Merge the partition's input with its three outputs."""
        committed, retained = self.committed[partition], self.logs.inputs[partition]
        if committed is None:
            pending = await self._pending(partition, retained.start, retained.end)
            return Judged(
                partition=partition, start=0, end=0, pending=pending, notes=["the group has no committed offset"]
            )
        unreadable: list[str] = []
        readings = await self._readings(partition, unreadable.append)
        first = await self._first(partition, readings)
        end = min(committed, retained.end)
        start = max(retained.start, min(first, end) if first is not None else end)
        topic_from = await self._topic_from(partition, readings.scored, end)
        if not self.with_csv:  # then only the scored topic shows their outputs
            start = max(start, min(topic_from, end))
        erased = frozenset((one.offset, one.timestamp_ms) for one in self.erased if one.partition == partition)
        bounds = Bounds(start=start, end=end, topic_from=topic_from, compacted=self.compacted, erased=erased)
        merge = Merge(bounds, csv=self.with_csv)
        undecoded = await self._merge(partition, merge, readings)
        for detail in unreadable:
            merge.add_finding(Kind.UNREADABLE, detail)
        for kind, detail in readings.replays.findings:
            merge.add_finding(kind, detail)
        merge.finish()
        return Judged(
            partition=partition,
            start=start,
            end=end,
            records=merge.records,
            once=merge.once,
            scored=merge.scored + merge.unretained,
            dead=merge.dead,
            replayed=readings.replays.count,
            erased=merge.erased,
            pending=await self._pending(partition, max(end, retained.start), retained.end),
            findings=merge.findings,
            examples=merge.examples,
            notes=[*self._notes(partition, merge, first, readings.previous), *_undecoded_notes(undecoded)],
        )

    async def _readings(self, partition: int, unreadable: Callable[[str], None]) -> "_Readings":
        topics, log, dead = self.topics, self.logs.scored[partition], self.logs.dlq[partition]
        begin, previous = await first_of_present_topic(
            topics.inputs, topics.scored, self.scored, partition, self.logs.inputs[partition], log
        )

        async def events() -> AsyncIterator[list[tuple[int, Content]]]:
            async for records in topics.scored.records(partition, begin, log.end):
                yield self.scored.entries(records, partition, unreadable)

        replays = Replays(partition, dead.start)

        async def letters() -> AsyncIterator[list[tuple[int, int]]]:
            async for records in topics.dlq.records(partition, dead.start, dead.end):
                replays.add(records)
                yield dead_entries(records, topics.names.input, partition, unreadable)

        async def rows() -> AsyncIterator[list[tuple[int, Content]]]:
            for layout, lines in self.csv.lines(partition):
                yield row_entries(lines, layout, partition, unreadable)
                await asyncio.sleep(0)

        return _Readings(Cursor(events()), Cursor(letters()), Cursor(rows()), previous, replays)

    async def _first(self, partition: int, readings: "_Readings") -> int | None:
        """Return the first offset ever decided: from the journal, else the lowest in the outputs; None if none was."""
        if (first := self.first.get(partition, -1)) >= 0:
            return first
        heads = [await readings.rows.peek(), await readings.scored.peek(), await readings.dead.peek()]
        return min((head for head in heads if head is not None), default=None)

    async def _topic_from(self, partition: int, scored: Cursor[Content], end: int) -> int:
        """Return the offset below which the scored topic's own retention has deleted scored records."""
        if self.logs.scored[partition].start == 0:
            return 0
        head = await scored.peek()
        return end if head is None else head

    async def _merge(self, partition: int, merge: Merge, readings: "_Readings") -> list[Unreadable]:
        """Merge the readings; return the input's batches that can't be decoded; each counts as one record."""
        bounds = merge.bounds
        undecoded: list[Unreadable] = []
        async for records in self.topics.inputs.records(partition, bounds.start, bounds.end):
            last = records[-1].offset
            merge.window(
                {record.offset: record.timestamp for record in records},
                await readings.rows.up_to(last),
                await readings.scored.up_to(last),
                await readings.dead.up_to(last),
            )
            undecoded += [batch for record in records if (batch := undecoded_batch(record))]
            self.progress.advance(partition, len(records))
        while rows := await readings.rows.rest():
            merge.window({}, rows, (), ())
        while events := await readings.scored.rest():
            merge.window({}, (), events, ())
        while letters := await readings.dead.rest():
            merge.window({}, (), (), letters)
        return undecoded

    async def _pending(self, partition: int, start: int, end: int) -> int:
        """Count the records that await the scorers; above 100,000, count offsets, including transaction markers."""
        if end - start > _COUNTED_EXACTLY:
            return end - start
        return sum([len(records) async for records in self.topics.inputs.records(partition, start, end)])

    def _notes(self, partition: int, merge: Merge, first: int | None, previous: int) -> list[str]:
        names, retained = self.topics.names, self.logs.inputs[partition]
        notes = []
        if first is not None and first < retained.start:
            notes.append(f"offsets {first}…{retained.start - 1} are no longer in {names.input}: not verified")
        if merge.unretained:
            notes.append(
                f"{merge.unretained:,} records up to offset {merge.bounds.topic_from - 1} are no longer in "
                f"{names.scored}: verified by the CSV alone"
            )
        if merge.compacted:
            notes.append(
                f"{len(merge.compacted):,} outputs are of records that compaction has removed from "
                f"{names.input}: not verified"
            )
        if self.logs.dlq[partition].start > 0:
            notes.append(f"{names.dlq} no longer has its first records: deleted dead letters count as lost")
        if merge.previous or previous:
            notes.append(
                f"{previous:,} scored records and {merge.previous:,} dead letters belong to a previous "
                f"{names.input}, which was deleted and re-created: skipped"
            )
        if merge.uncompared:
            notes.append(f"{merge.uncompared:,} records came too late to compare CSV and topic")
        return notes


def _undecoded_notes(batches: Sequence[Unreadable]) -> list[str]:
    return [
        f"offsets {batch.offset}…{batch.last_offset}: an undecodable batch; it was skipped, and counts as one record"
        for batch in batches
    ]


class _Readings(NamedTuple):
    scored: Cursor[Content]
    dead: Cursor[int]
    rows: Cursor[Content]
    previous: int
    replays: Replays
