"""`fraudstream rebuild`: the CSV re-created from the scored topic, byte for byte as the scorers wrote it."""

from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from cli.audit.entries import ScoredEntries, dead_entries, scored_again, stored_format
from cli.audit.previous_topic import first_of_present_topic
from cli.audit.topics import AuditSettings, Logs, Topics, opened
from cli.csv.erased import ErasedPlace, ErasedPlaces
from cli.csv.reading import CsvSnapshot
from cli.csv.refill import CsvRefill, Reached
from cli.progress import Progress
from fraudstream.csv_file.journal import State
from fraudstream.csv_file.paths import rotated_files
from fraudstream.errors import FraudstreamError, KafkaSetupError
from fraudstream.kafka.connection import Log
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.owner import Owner
from fraudstream.offsets import Log as Retained
from fraudstream.record import Record
from fraudstream.scored_payment import ScoredFormat

_TIMESTAMPS, _APPEND_TIME = "message.timestamp.type", "LogAppendTime"


class ScorersRunningError(FraudstreamError):
    """The group has members, which would write to the CSV too."""


async def rebuild(settings: AuditSettings, form: ScoredFormat, log: Log, *, force: bool) -> int:
    """Refill the CSV with the rows that the group has committed, with the columns of `form`; return their number.

    Raises FraudstreamError, with nothing changed then.
    """
    path, group = settings.csv.path, settings.group.group
    async with AsyncExitStack() as stack:
        topics = await stack.enter_async_context(opened(settings, log))
        scored = topics.names.scored
        if (await topics.settings(scored)).get(_TIMESTAMPS) == _APPEND_TIME:
            log.warning(
                "rebuilt rows have other timestamps",
                topic=scored,
                setting=f"{_TIMESTAMPS}={_APPEND_TIME}",
                meaning="the broker replaced the payments' timestamps with the time of writing; the rows have those",
                action=f"for later payments: kafka-configs --bootstrap-server {settings.kafka.bootstrap_servers} "
                f"--alter --entity-type topics --entity-name {scored} --add-config {_TIMESTAMPS}=CreateTime",
            )
        refill = CsvRefill(path, topics.identity, form.layout)
        state = stack.enter_context(refill.locked())
        # read under the lock: a scorer that joins later can't store anything, and so can't commit
        if members := await topics.member_count():
            raise ScorersRunningError(
                f"{members} scorers of group {group} are running, or were until just now; "
                "stop them first: docker compose stop scorer"
            )
        if not force:
            refill.refuse_to_repeat()
        await _end_transactions(settings, topics.partitions)
        committed = await topics.committed()
        await stack.enter_async_context(topics.reading())
        logs = await topics.logs()
        writing = _Writing(
            topics=topics,
            logs=logs,
            form=stored_format(form.schema),
            rotated=stack.enter_context(CsvSnapshot(rotated_files(path), form.layout)),
            refill=refill,
            state=state,
            erased=ErasedPlaces(path, topics.identity.cluster, topics.names.input).read(),
            repeats_within=2 * settings.group.max_records,
            log=log,
            progress=Progress("rebuilding", sum(one.end - one.start for one in logs.scored.values()), log),
        )
        for partition in (one for one in state.marks if committed.get(one) is None):
            log.warning("no committed offset", partition=partition, meaning="its rows are not rebuilt")
        reached = {one: await writing.partition(one, end) for one, end in committed.items() if end is not None}
        writing.progress.finish()
        if committed != await topics.committed():
            raise ScorersRunningError("the group's offsets have changed meanwhile; stop the scorers, then run it again")
        for renamed in refill.finish(state, reached):
            log.warning("CSV renamed", file=renamed.name, reason="replaced by the rebuilt one")
        log.info("CSV rebuilt", file=str(path), rows=writing.rows)
        return writing.rows


async def _end_transactions(settings: AuditSettings, partitions: Collection[int]) -> None:
    """End transactions that a killed scorer left open, as its successor would: then the committed offsets are final."""
    owner = Owner(
        settings.kafka,
        topics=settings.topics,
        limits=OutputLimits(
            settings.kafka, (settings.topics.scored, settings.topics.dlq), stamped=(settings.topics.dlq,)
        ),
        group=settings.group.group,
        guarantee=settings.group.guarantee,
    )
    try:
        await owner.start()
        _, blocked = await owner.fence_others(partitions, ())
    except TimeoutError:
        raise KafkaSetupError("the scorers' transactions could not be ended; run it again") from None
    finally:
        await owner.close()
    for partition, reason in blocked.items():
        raise KafkaSetupError(f"partition {partition}: {reason}; run it again")


@dataclass(slots=True, kw_only=True)
class _Writing:
    """Writer of rows, partition by partition; `rows` counts them."""

    topics: Topics
    logs: Logs
    form: ScoredFormat
    rotated: CsvSnapshot
    refill: CsvRefill
    state: State
    erased: frozenset[ErasedPlace]
    repeats_within: int
    log: Log
    progress: Progress
    rows: int = 0

    async def partition(self, partition: int, end: int) -> Reached:
        """Write the rows of the partition up to `end`; return the range of offsets that is decided."""
        topics, scored = self.topics, self.logs.scored[partition]
        last_rotated = self.rotated.last(partition)
        begin, _ = await first_of_present_topic(
            topics.inputs, topics.scored, ScoredEntries(self.form), partition, self.logs.inputs[partition], scored
        )
        rows = _Rows(self.form, after=last_rotated, end=end, repeats_within=self.repeats_within, erased=self.erased)
        async for records in topics.scored.records(partition, begin, scored.end):
            self._write(rows.add(records))
            self.progress.advance(partition, len(records))
        self._write(rows.rest())
        firsts = (self.rotated.first(partition), rows.first, await self._first_dead(partition))
        first = min((one for one in firsts if one is not None), default=-1)
        missing_from = max(last_rotated + 1, self._known_first(partition))
        self._report_missing(partition, scored, missing_from, end if rows.first is None else rows.first)
        if rows.unreadable:
            self.log.warning("scored records unreadable", partition=partition, records=rows.unreadable)
        return Reached(first=first, end=end)

    def _write(self, rows: list[bytes]) -> None:
        self.rows += len(rows)
        self.refill.write(rows)

    def _known_first(self, partition: int) -> int:
        mark = self.state.marks.get(partition)
        return max(0, mark.first) if mark else 0

    async def _first_dead(self, partition: int) -> int | None:
        log = self.logs.dlq[partition]
        async for records in self.topics.dlq.records(partition, log.start, log.end):
            if entries := dead_entries(records, self.topics.names.input, partition, lambda _: None):
                return min(offset for offset, _ in entries)
        return None

    def _report_missing(self, partition: int, scored: Retained, since: int, first: int) -> None:
        if scored.start > 0 and first > since:
            self.log.warning(
                "scored records no longer retained",
                partition=partition,
                missing_offsets=f"{since}…{first - 1}",
                meaning="retention has deleted them: their rows can't be rebuilt",
            )


class _Rows:
    """Rows in order, each once. The last one of a repeat counts, as in the CSV: earlier ones were never stored."""

    def __init__(
        self, form: ScoredFormat, *, after: int, end: int, repeats_within: int, erased: frozenset[ErasedPlace]
    ) -> None:
        self._form = form
        self.first: int | None = None
        self.unreadable = 0
        self._after = after
        self._end = end
        self._repeats_within = repeats_within
        self._erased = erased
        self._held: dict[int, bytes] = {}

    def add(self, records: Sequence[Record]) -> list[bytes]:
        """Add records; return the rows that no repeat can change any more."""
        scored = scored_again(records, self._form, self._count_unreadable)
        places = map(ErasedPlace, scored.partition, scored.offset, scored.timestamp_ms)
        for place, offset, line in zip(places, scored.offset, self._form.texts(scored).csv_lines(), strict=True):
            if self._after < offset < self._end and place not in self._erased:
                self._held[offset] = f"{line}\n".encode()
        if self.first is None and self._held:
            self.first = min(self._held)
        return (
            self._release(len(self._held) - self._repeats_within) if len(self._held) > 2 * self._repeats_within else []
        )

    def _count_unreadable(self, _: str) -> None:
        self.unreadable += 1

    def rest(self) -> list[bytes]:
        """Return the remaining rows."""
        return self._release(len(self._held))

    def _release(self, count: int) -> list[bytes]:
        offsets = sorted(self._held)[:count]
        if offsets:
            self._after = offsets[-1]
        return [self._held.pop(offset) for offset in offsets]
