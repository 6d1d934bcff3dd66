"""`fraudstream rebuild`: the CSV re-created from the scored topic, byte for byte as the scorers wrote it."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

from cli.audit.entries import dead_entries, scored_again
from cli.audit.previous_topic import first_of_present_topic
from cli.audit.verify import VerifySettings
from cli.csv.erased import ErasedPlace, ErasedPlaces
from cli.csv.reading import CsvSnapshot, rotated_files
from cli.csv.refill import CsvRefill, Reached
from cli.progress import Progress
from fraudstream.csv_file.journal import State
from fraudstream.csv_file.protocol import Identity
from fraudstream.errors import FraudstreamError, KafkaSetupError
from fraudstream.kafka.cluster import admin_client, check_partitions, describe
from fraudstream.kafka.connection import Log
from fraudstream.kafka.group import committed_offsets, member_count
from fraudstream.kafka.limits import OutputLimits, topic_settings
from fraudstream.kafka.owner import Owner
from fraudstream.kafka.reading import TopicReader, connected
from fraudstream.offsets import Log as Retained
from fraudstream.record import Record
from fraudstream.scored_payment import Texts

_TIMESTAMPS, _APPEND_TIME = "message.timestamp.type", "LogAppendTime"


class ScorersRunningError(FraudstreamError):
    """The group has members, which would write to the CSV too."""


async def rebuild(settings: VerifySettings, log: Log, *, force: bool) -> None:
    """Refill the CSV with the rows that the group has committed. Raises FraudstreamError, with nothing changed then."""
    kafka, topics, group = settings.kafka, settings.topics, settings.group.group
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(lambda: admin_client(kafka), kafka, log))
        cluster = await describe(admin, (topics.input, topics.scored, topics.dlq))
        check_partitions(cluster, topics)
        if (await topic_settings(admin, topics.scored)).get(_TIMESTAMPS) == _APPEND_TIME:
            log.warning(
                "rebuilt rows have other timestamps",
                topic=topics.scored,
                setting=f"{_TIMESTAMPS}={_APPEND_TIME}",
                meaning="the broker replaced the payments' timestamps with the time of writing; the rows have those",
                action=f"for later payments: kafka-configs --bootstrap-server {kafka.bootstrap_servers} --alter "
                f"--entity-type topics --entity-name {topics.scored} --add-config {_TIMESTAMPS}=CreateTime",
            )
        partitions = range(cluster.partitions[topics.input])
        refill = CsvRefill(settings.csv.path, Identity(cluster=cluster.id, topic=topics.input, group=group))
        state = stack.enter_context(refill.locked())
        # read under the lock: a scorer that joins later can't store anything, and so can't commit
        if members := await member_count(admin, group):
            raise ScorersRunningError(
                f"{members} scorers of group {group} are running, or were until just now; "
                "stop them first: docker compose stop scorer"
            )
        if not force:
            refill.refuse_to_repeat()
        await _end_transactions(settings, partitions)
        committed = await committed_offsets(admin, group, topics.input, partitions)
        readers = {
            topic: await stack.enter_async_context(connected(partial(TopicReader, kafka, topic), kafka, log))
            for topic in (topics.input, topics.scored, topics.dlq)
        }
        rotated = stack.enter_context(CsvSnapshot(rotated_files(settings.csv.path)))
        writing = _Writing(
            settings=settings,
            readers=readers,
            logs={topic: await reader.retained(partitions) for topic, reader in readers.items()},
            rotated=rotated,
            refill=refill,
            state=state,
            erased=ErasedPlaces(settings.csv.path, cluster.id, topics.input).read(),
            log=log,
        )
        for partition in (one for one in state.marks if committed.get(one) is None):
            log.warning("no committed offset", partition=partition, meaning="its rows are not rebuilt")
        reached = await writing.all({one: offset for one, offset in committed.items() if offset is not None})
        if committed != await committed_offsets(admin, group, topics.input, partitions):
            raise ScorersRunningError("the group's offsets have changed meanwhile; stop the scorers, then run it again")
        renamed = refill.finish(state, reached)
        for path in renamed:
            log.warning("CSV renamed", file=path.name, reason="replaced by the rebuilt one")
        log.info("CSV rebuilt", file=str(settings.csv.path), rows=writing.rows)


async def _end_transactions(settings: VerifySettings, partitions: Collection[int]) -> None:
    """End transactions that a killed scorer left open, as its successor would: then the committed offsets are final."""
    owner = Owner(
        settings.kafka,
        topics=settings.topics,
        limits=OutputLimits(settings.kafka, (settings.topics.scored, settings.topics.dlq)),
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

    settings: VerifySettings
    readers: Mapping[str, TopicReader]
    logs: Mapping[str, Mapping[int, Retained]]
    rotated: CsvSnapshot
    refill: CsvRefill
    state: State
    erased: frozenset[ErasedPlace]
    log: Log
    rows: int = 0
    progress: Progress = field(init=False)

    def __post_init__(self) -> None:
        total = sum(log.end - log.start for log in self.logs[self.settings.topics.scored].values())
        self.progress = Progress("rebuilding", total, self.log)

    async def all(self, committed: Mapping[int, int]) -> dict[int, Reached]:
        """Write all partitions in order; return the range of offsets that is decided in each."""
        reached = {partition: await self._partition(partition, end) for partition, end in committed.items()}
        self.progress.finish()
        return reached

    async def _partition(self, partition: int, end: int) -> Reached:
        topics = self.settings.topics
        scored = self.logs[topics.scored][partition]
        last_rotated = self.rotated.last(partition)
        begin, _ = await first_of_present_topic(
            self.readers[topics.input],
            self.readers[topics.scored],
            partition,
            self.logs[topics.input][partition],
            scored,
        )
        rows = _Rows(
            after=last_rotated, end=end, repeats_within=2 * self.settings.group.max_records, erased=self.erased
        )
        async for records in self.readers[topics.scored].records(partition, begin, scored.end):
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
        if rows:
            self.refill.write(rows)

    def _known_first(self, partition: int) -> int:
        mark = self.state.marks.get(partition)
        return max(0, mark.first) if mark else 0

    async def _first_dead(self, partition: int) -> int | None:
        topics = self.settings.topics
        log = self.logs[topics.dlq][partition]
        async for records in self.readers[topics.dlq].records(partition, log.start, log.end):
            if entries := dead_entries(records, topics.input, partition, lambda _: None):
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

    def __init__(self, *, after: int, end: int, repeats_within: int, erased: frozenset[ErasedPlace]) -> None:
        self.first: int | None = None
        self.unreadable = 0
        self._after = after
        self._end = end
        self._repeats_within = repeats_within
        self._erased = erased
        self._held: dict[int, bytes] = {}

    def add(self, records: Sequence[Record]) -> list[bytes]:
        """Add records; return the rows that no repeat can change any more."""
        scored = scored_again(records, self._count_unreadable)
        places = map(ErasedPlace, scored.partition, scored.offset, scored.timestamp_ms)
        for place, offset, line in zip(places, scored.offset, Texts.of(scored).csv_lines(), strict=True):
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
