"""Life cycle of the scorer: find the cluster, then run one group membership after the other, until stopped."""

import asyncio
import gc
from collections.abc import Mapping
from contextlib import AsyncExitStack, aclosing, closing
from dataclasses import dataclass
from typing import Self

import structlog

from fraudstream.csv_file.protocol import Identity, Sink
from fraudstream.csv_file.skip_requests import SkipRequests
from fraudstream.errors import AccessRefusedError, KafkaSetupError, SinkUnavailableError
from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.cluster import Cluster, admin_client, check_partitions, describe
from fraudstream.kafka.connection import BROKEN, started, stopped
from fraudstream.kafka.consumer import NOT_ADMITTED
from fraudstream.kafka.first_start import commit_start
from fraudstream.kafka.lag import LagProbe
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.rights import Rights
from fraudstream.model import store
from fraudstream.model.drift_reference import Reference
from fraudstream.model.manifest import MOST_BYTES, read_file
from fraudstream.runtime.endpoint import endpoint
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.log_on_change import LogOnChange
from fraudstream.runtime.metrics import ScorerMetrics
from fraudstream.runtime.run import wait_for_stop
from fraudstream.runtime.settings import (
    CsvSettings,
    GroupSettings,
    KafkaSettings,
    MetricsSettings,
    ModelSettings,
    TopicSettings,
)
from scorer.blocked import Blocked
from scorer.challenger import Challenger
from scorer.champion import Champion, Loaded
from scorer.csv_sink import CsvSink
from scorer.drift.alarm import DriftAlarm
from scorer.gauges import Gauges
from scorer.group_watch import GroupWatch
from scorer.member import Member
from scorer.narration import DeadLetterRatio, Narration
from scorer.pipeline import Pipeline
from scorer.scoring import Scorer
from scorer.stops import Stops
from scorer.summary import Summary
from scorer.watchdog import Watchdog

_RETRY_S = 1.0
_MOST_WRONG_ANSWERS = 6
_COLLECT_AFTER = (50_000, 20, 50)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerSettings:
    """The scorer's settings."""

    kafka: KafkaSettings
    topics: TopicSettings
    group: GroupSettings
    model: ModelSettings
    csv: CsvSettings
    metrics: MetricsSettings

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the settings. Raises SettingsError."""
        return cls(
            kafka=KafkaSettings.from_env(env),
            topics=TopicSettings.from_env(env),
            group=GroupSettings.from_env(env),
            model=ModelSettings.from_env(env),
            csv=CsvSettings.from_env(env),
            metrics=MetricsSettings.from_env(env),
        )


def champion(settings: ModelSettings) -> Champion:
    """Load the active model; its champion follows changes of the folder. Raises ModelUnfitError if there is none."""

    def load() -> Loaded:
        model, manifest = store.load(
            settings.models_dir, settings.pinned, review=settings.review_threshold, block=settings.block_threshold
        )
        return Loaded(model, manifest, Reference.read(manifest.reference))

    return Champion(load, lambda: read_file(settings.models_dir / store.MANIFEST_FILE, MOST_BYTES))


async def serve(settings: ScorerSettings, champion: Champion, heartbeat: Heartbeat, stop: asyncio.Event) -> None:
    """Score until `stop` is set. Raises FraudstreamError if a user must act."""
    heartbeat.beat("waiting for Kafka")
    metrics = ScorerMetrics()
    challenger = Challenger(
        load=lambda: store.load_challenger(settings.model.models_dir, settings.model.pinned),
        compared=metrics.shadow_scored,
    )
    gauges = Gauges(metrics, champion, challenger, DriftAlarm(), settings.csv.path.parent)
    async with endpoint(settings.metrics, metrics, heartbeat.path, gauges.refresh):
        await _score(settings, gauges, heartbeat, stop)


async def _score(settings: ScorerSettings, gauges: Gauges, heartbeat: Heartbeat, stop: asyncio.Event) -> None:
    limits = OutputLimits(settings.kafka, (settings.topics.scored, settings.topics.dlq))
    cluster = await _find_cluster(settings, limits, stop)
    if cluster is None:
        return
    identity = Identity(cluster=cluster.id, topic=settings.topics.input, group=settings.group.group)
    sink = CsvSink(
        settings.csv.path,
        identity,
        rotate_bytes=settings.csv.rotate_bytes,
        waited=gauges.metrics.csv_lock_wait.observe,
    )
    group = GroupWatch(settings.kafka, settings.topics.input, settings.group.group)
    async with AsyncExitStack() as stack:
        stack.enter_context(closing(sink))
        await stack.enter_async_context(aclosing(group))
        first = await _commit_start_offsets(settings, cluster, sink, group, heartbeat, stop)
        if first is None:
            return
        _freeze_heap()
        champion, challenger = gauges.champion, gauges.challenger
        scorer = Scorer(
            model=champion.model, topics=settings.topics, limit=limits.batch_bytes, challenger=challenger.score
        )
        watching = [asyncio.create_task(one) for one in (champion.watch(), challenger.watch(), limits.follow())]
        try:
            await _run_memberships(settings, gauges, scorer, sink, limits, group, first, heartbeat, stop)
        finally:
            for one in watching:
                one.cancel()


def _freeze_heap() -> None:
    """Exclude the objects loaded so far from garbage collection, and collect less often.

    Records need no collector: reference counting frees them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def _find_cluster(settings: ScorerSettings, limits: OutputLimits, stop: asyncio.Event) -> Cluster | None:
    """Return the cluster once it answers, after reading its topics' limits; None if `stop` is set before.

    A broker that has just started doesn't know its topics yet: a wrong answer is an error only if it is repeated.
    """
    wrong = 0
    while not stop.is_set():
        try:
            cluster = await _describe_cluster(settings, limits, stop)
            if cluster is not None:
                check_partitions(cluster, settings.topics)
            return cluster  # noqa: TRY300 - the success path is clearer here than in an else
        except AccessRefusedError:
            raise
        except KafkaSetupError:
            wrong += 1
            if wrong >= _MOST_WRONG_ANSWERS:
                raise
        except BROKEN:
            attempts.check()
            wrong = 0
        await wait_for_stop(stop, _RETRY_S)
    return None


async def _describe_cluster(settings: ScorerSettings, limits: OutputLimits, stop: asyncio.Event) -> Cluster | None:
    kafka, topics = settings.kafka, settings.topics
    admin = await started(lambda: admin_client(kafka), stop, structlog.get_logger(), bootstrap=kafka.bootstrap_servers)
    if admin is None:
        return None
    try:
        rights = Rights(
            kafka=kafka, topics={topics.input: ("Read",), topics.scored: ("Write",), topics.dlq: ("Write",)}
        )
        with rights.needed():
            cluster = await describe(admin, (topics.input, topics.scored, topics.dlq))
        await limits.read(admin)
        return cluster
    finally:
        await stopped(admin)


async def _commit_start_offsets(
    settings: ScorerSettings,
    cluster: Cluster,
    sink: CsvSink,
    watch: GroupWatch,
    heartbeat: Heartbeat,
    stop: asyncio.Event,
) -> Mapping[int, int] | None:
    """Commit the start offsets of a new group before any member joins; retry while the CSV can't be written.

    Returns the committed offsets by partition, empty if the group is not new; None if `stop` is set.
    """
    log, group, reset = structlog.get_logger(), settings.group, settings.group.auto_offset_reset
    not_ready, starts = LogOnChange(log.error, "not ready"), dict[int, int]()
    while not stop.is_set():
        try:
            await asyncio.to_thread(sink.prove)
            await asyncio.to_thread(sink.claim)
            if await asyncio.to_thread(sink.is_new):
                starts = await commit_start(
                    settings.kafka,
                    settings.topics.input,
                    group.group,
                    cluster.partitions[settings.topics.input],
                    latest=reset == "latest",
                    guarantee=group.guarantee,
                )
                if starts:
                    log.info("start offsets committed", group=group.group, reading_from=reset, offsets=starts)
        except (SinkUnavailableError, *BROKEN) as error:
            reason = await _reason(error, watch)
            not_ready.report(reason, action="retrying every second")
            heartbeat.beat(reason)
            await wait_for_stop(stop, _RETRY_S)
        else:
            return starts
    return None


async def _run_memberships(
    settings: ScorerSettings,
    gauges: Gauges,
    scorer: Scorer,
    sink: Sink,
    limits: OutputLimits,
    group: GroupWatch,
    first: Mapping[int, int],
    heartbeat: Heartbeat,
    stop: asyncio.Event,
) -> None:
    """Join the group, and join it again whenever the membership is lost, until `stop` is set."""
    lost = LogOnChange(structlog.get_logger().warning, "membership lost")
    narration, ratio, summary, blocked = Narration(), DeadLetterRatio(), Summary(gauges), Blocked()
    watchdog = Watchdog(settings.group.stall_timeout_s)
    while not stop.is_set():
        member = Member(settings.kafka, settings.topics, settings.group, sink, limits, first, gauges.metrics)
        consumer = await started(
            member.make_consumer, stop, structlog.get_logger(), bootstrap=settings.kafka.bootstrap_servers
        )
        if consumer is None:
            return
        pipeline = Pipeline(
            consumer=consumer,
            ownership=member.ownership,
            group=group,
            champion=gauges.champion,
            scorer=scorer,
            sink=sink,
            heartbeat=heartbeat,
            watchdog=watchdog,
            narration=narration,
            summary=summary,
            metrics=gauges.metrics,
            ratio=ratio,
            drift=gauges.drift,
            stops=Stops(settings.topics.input, SkipRequests(settings.csv.path)),
            blocked=blocked,
            busy=member.busy,
            max_records=settings.group.max_records,
            refusal=LogOnChange(structlog.get_logger().error, "Kafka refuses a connection"),
        )
        gauges.ownership, lags = member.ownership, LagProbe(settings.kafka, settings.topics.input, member.ownership)
        tasks = (watchdog.probe(lags.total), gauges.follow(lags.read), group.watch())
        background = [asyncio.create_task(task) for task in tasks]
        try:
            with watchdog.watching():
                await pipeline.run(stop)
        except BROKEN as error:
            reason = attempts.final_refusal() or await _reason(error, group)
            if member.ownership.joined:
                lost.end()
            lost.report(reason, action="rejoining")
            heartbeat.beat(reason)
            await wait_for_stop(stop, _RETRY_S)
        finally:
            for one in background:
                one.cancel()
            await lags.close()
            await member.ownership.give_up()
            await stopped(consumer)
            await member.ownership.give_up()  # a join in progress may have assigned partitions meanwhile


async def _reason(error: BaseException, group: GroupWatch) -> str:
    """Return why a request to Kafka failed: another program in the group, if that is the cause."""
    if isinstance(error, NOT_ADMITTED):
        await group.look()
        return group.problem or group.remark or f"{type(error).__name__}: other members keep this scorer out"
    return str(error) or type(error).__name__
