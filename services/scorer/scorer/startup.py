"""Steps of a start: find the cluster, claim the CSV, commit the start offsets of a new group."""

import asyncio
import gc
from collections.abc import Mapping

import structlog

from fraudstream.errors import AccessRefusedError, KafkaSetupError, SinkUnavailableError
from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.cluster import Cluster, admin_client, check_partitions, describe
from fraudstream.kafka.connection import BROKEN, started, stopped
from fraudstream.kafka.first_start import commit_start
from fraudstream.kafka.limits import OutputLimits
from fraudstream.kafka.rights import Rights
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.log_on_change import LogOnChange
from fraudstream.runtime.run import wait_for_stop
from fraudstream.runtime.settings import GroupSettings, KafkaSettings, TopicSettings
from scorer.csv_sink import CsvSink
from scorer.group_watch import GroupWatch

_RETRY_S = 1.0
_MOST_WRONG_ANSWERS = 6
_COLLECT_AFTER = (50_000, 20, 50)


async def find_cluster(
    kafka: KafkaSettings, topics: TopicSettings, limits: OutputLimits, stop: asyncio.Event
) -> Cluster | None:
    """Return the cluster once it answers, after reading its topics' limits; None if `stop` is set before.

    A broker that has just started doesn't know its topics yet: a wrong answer is an error only if it is repeated.
    """
    wrong = 0
    while not stop.is_set():
        try:
            cluster = await _describe_cluster(kafka, topics, limits, stop)
            if cluster is not None:
                check_partitions(cluster, topics)
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


async def _describe_cluster(
    kafka: KafkaSettings, topics: TopicSettings, limits: OutputLimits, stop: asyncio.Event
) -> Cluster | None:
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


async def commit_start_offsets(
    kafka: KafkaSettings,
    cluster: Cluster,
    topic: str,
    group: GroupSettings,
    sink: CsvSink,
    watch: GroupWatch,
    heartbeat: Heartbeat,
    stop: asyncio.Event,
) -> Mapping[int, int] | None:
    """Claim the CSV, and commit the start offsets of a new group before any member joins; retry while that fails.

    Returns the committed offsets by partition, empty if the group is not new; None if `stop` is set.
    """
    log, reset = structlog.get_logger(), group.auto_offset_reset
    not_ready, starts = LogOnChange(log.error, "not ready"), dict[int, int]()
    while not stop.is_set():
        try:
            await asyncio.to_thread(sink.prove)
            await asyncio.to_thread(sink.claim)
            if await asyncio.to_thread(sink.is_new):
                starts = await commit_start(
                    kafka,
                    topic,
                    group.group,
                    cluster.partitions[topic],
                    latest=reset == "latest",
                    guarantee=group.guarantee,
                )
                if starts:
                    log.info("start offsets committed", group=group.group, reading_from=reset, partitions=len(starts))
                    log.debug("start offsets", offsets=starts)
        except (SinkUnavailableError, *BROKEN) as error:
            reason = await watch.reason(error)
            not_ready.report(reason, action="retrying every second")
            heartbeat.beat(reason)
            await wait_for_stop(stop, _RETRY_S)
        else:
            return starts
    return None


def freeze_heap() -> None:
    """Exclude the objects loaded so far from garbage collection, and collect less often.

    Records need no collector: reference counting frees them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
