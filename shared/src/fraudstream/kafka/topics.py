"""Creation of the three topics, with equal partition counts that are only ever increased."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import InvalidPartitionsError, TopicAuthorizationFailedError, for_code

from fraudstream.errors import AccessRefusedError, KafkaSetupError
from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.cluster import admin_client
from fraudstream.kafka.connection import BROKEN, Log, started, stopped
from fraudstream.kafka.rights import NOT_ALLOWED, Rights
from fraudstream.runtime.run import wait_for_stop
from fraudstream.runtime.settings import KafkaSettings, TopicSettings

DLQ_MESSAGE_BYTES = 2 << 20
"""The largest dead letter: a payment of Kafka's default limit, uncompressed, with its headers and the `dlq.*` ones."""

_MS_PER_HOUR = 3_600_000
_TRIES = 20
_PAUSE_S = 0.5
_ALREADY_EXISTS = 36


async def ensure_topics(
    kafka: KafkaSettings, topics: TopicSettings, dlq_hours: int, stop: asyncio.Event, log: Log
) -> None:
    """Create missing topics and partitions, waiting for a broker; safe for several processes at the same time.

    Dead letters are kept for `dlq_hours`, without limit if it is negative.

    Raises KafkaSetupError where the brokers refuse; its message names the setting.
    """
    problem: BaseException | None = None
    logged: set[str] = set()
    for _ in range(_TRIES):
        admin = await started(lambda: admin_client(kafka), stop, log, bootstrap=kafka.bootstrap_servers)
        if admin is None:
            return
        try:
            if await _ensure(admin, kafka, topics, _configs(topics, dlq_hours), log, logged):
                return
        except (*BROKEN, AttributeError) as error:  # aiokafka's AttributeError: the cluster has no controller yet
            attempts.check()
            problem = error
        finally:
            await stopped(admin)
        await wait_for_stop(stop, _PAUSE_S)
    if problem is None:  # they exist, but this user may not describe them
        rights = Rights(kafka=kafka, topics=dict.fromkeys(_configs(topics, dlq_hours), ("Describe",)))
        raise AccessRefusedError(rights.missing(TopicAuthorizationFailedError()))
    raise KafkaSetupError(f"the topics could not be created: {problem!r}")


async def _ensure(
    admin: AIOKafkaAdminClient,
    kafka: KafkaSettings,
    topics: TopicSettings,
    configs: Mapping[str, Mapping[str, str]],
    log: Log,
    logged: set[str],
) -> bool:
    """Create or extend topics; return True if nothing was missing. The next call also sees other processes' changes."""
    counts = await _partition_counts(admin, configs)
    wanted = max(topics.partitions, *counts.values())
    if all(count == wanted for count in counts.values()):
        for topic in (topic for topic in configs if topic not in logged):
            log.info("topic exists", topic=topic, partitions=wanted)
        return True
    for topic, count in counts.items():
        if count == 0:
            new = NewTopic(topic, wanted, topics.replication_factor, topic_configs=configs[topic])
            missing = [one for one, partitions in counts.items() if partitions == 0]
            with Rights(kafka=kafka, topics=dict.fromkeys(missing, ("Describe", "Create"))).needed():
                changed = await _create(admin, new, log)
        else:
            with Rights(kafka=kafka, topics={topic: ("Alter",)}).needed():
                changed = count < wanted and await _add_partitions(admin, topic, count, wanted, log)
        if changed:
            logged.add(topic)
    return False


async def _partition_counts(admin: AIOKafkaAdminClient, topics: Collection[str]) -> dict[str, int]:
    # describes all topics: where brokers create topics automatically, describing one creates it
    counts = {entry["topic"]: len(entry["partitions"]) for entry in await admin.describe_topics()}
    return {topic: counts.get(topic, 0) for topic in topics}


def _configs(topics: TopicSettings, dlq_hours: int) -> Mapping[str, Mapping[str, str]]:
    retention = {"retention.ms": _milliseconds(topics.retention_hours)}
    letters = {
        "retention.ms": _milliseconds(dlq_hours),
        "max.message.bytes": str(DLQ_MESSAGE_BYTES),
        # a letter is as large as its uncompressed message, however small that was when compressed
        "compression.type": "zstd",
        # retention counts from a record's timestamp, and a payment's is chosen by its sender
        "message.timestamp.type": "LogAppendTime",
    }
    return {topics.input: retention, topics.scored: retention, topics.dlq: letters}


def _milliseconds(hours: int) -> str:
    return "-1" if hours < 0 else str(hours * _MS_PER_HOUR)


async def _create(admin: AIOKafkaAdminClient, topic: NewTopic, log: Log) -> bool:
    response: Any = await admin.create_topics([topic])
    for name, code, message in response.topic_errors:
        if code == _ALREADY_EXISTS:
            return False
        if code:
            _raise(name, code, message)
    log.info("topic created", topic=topic.name, partitions=topic.num_partitions, **topic.topic_configs)
    return True


async def _add_partitions(admin: AIOKafkaAdminClient, topic: str, count: int, wanted: int, log: Log) -> bool:
    try:
        await admin.create_partitions({topic: NewPartitions(wanted)})
    except InvalidPartitionsError:
        return False  # another process has added them meanwhile
    except TopicAuthorizationFailedError:
        raise TopicAuthorizationFailedError(topic) from None
    log.info("partitions added", topic=topic, before=count, partitions=wanted)
    return True


def _raise(topic: str, code: int, message: str | None) -> None:
    error = for_code(code)
    if error.retriable or issubclass(error, NOT_ALLOWED):
        raise error
    hint = "; set TOPIC_REPLICATION_FACTOR to at most the number of brokers" if "eplication" in error.__name__ else ""
    raise KafkaSetupError(f"topic {topic} can't be created: {message or error.__name__}{hint}")
