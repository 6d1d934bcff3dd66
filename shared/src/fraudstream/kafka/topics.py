"""Makes the three topics, and raises their partition counts together; never lowers one."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import InvalidPartitionsError, TopicAuthorizationFailedError, for_code

from fraudstream.errors import AccessRefusedError, KafkaSetupError
from fraudstream.kafka.attempts import attempts
from fraudstream.kafka.connection import BROKEN, Log, client_options, started, stopped
from fraudstream.kafka.rights import NOT_ALLOWED, Rights
from fraudstream.runtime.run import wait_for_stop
from fraudstream.runtime.settings import KafkaSettings, TopicSettings

DLQ_MESSAGE_BYTES = 2 << 20
"""The largest dead letter: a payment of Kafka's default limit, uncompressed, with its headers and ours."""

_MS_AN_HOUR = 3_600_000
_TRIES = 20
_PAUSE_S = 0.5
_ALREADY_EXISTS = 36
_CALL_TIMEOUT_MS = 20_000


async def ensure_topics(kafka: KafkaSettings, topics: TopicSettings, stop: asyncio.Event, log: Log) -> None:
    """Make what is missing; waits for a broker. Others may do the same at the same time, or have done it before.

    Raises KafkaSetupError where the brokers will not have it, naming the setting.
    """
    problem: BaseException | None = None
    told: set[str] = set()
    for _ in range(_TRIES):
        admin = await started(lambda: _admin(kafka), stop, log, bootstrap=kafka.bootstrap_servers)
        if admin is None:
            return
        try:
            if await _all_as_wanted(admin, kafka, topics, log, told):
                return
        except (*BROKEN, AttributeError) as error:  # aiokafka's AttributeError: the cluster has no controller yet
            attempts.check()
            problem = error
        finally:
            await stopped(admin)
        await wait_for_stop(stop, _PAUSE_S)
    if problem is None:  # they are there, and yet not to be seen
        rights = Rights(kafka=kafka, topics=dict.fromkeys(_configs(topics), ("Describe",)))
        raise AccessRefusedError(rights.missing(TopicAuthorizationFailedError()))
    raise KafkaSetupError(f"the topics could not be made: {problem!r}")


def _admin(kafka: KafkaSettings) -> AIOKafkaAdminClient:
    return AIOKafkaAdminClient(**client_options(kafka), request_timeout_ms=_CALL_TIMEOUT_MS)


async def _all_as_wanted(
    admin: AIOKafkaAdminClient, kafka: KafkaSettings, topics: TopicSettings, log: Log, told: set[str]
) -> bool:
    """Make one round; True if there was nothing to do. A next round sees what others did meanwhile."""
    configs = _configs(topics)
    counts = await _partition_counts(admin, configs)
    wanted = max(topics.partitions, *counts.values())
    if all(count == wanted for count in counts.values()):
        for topic in (topic for topic in configs if topic not in told):
            log.info("topic is there", topic=topic, partitions=wanted)
        return True
    for topic, count in counts.items():
        if count == 0:
            new = NewTopic(topic, wanted, topics.replication_factor, topic_configs=configs[topic])
            unseen = [one for one, partitions in counts.items() if partitions == 0]
            with Rights(kafka=kafka, topics=dict.fromkeys(unseen, ("Describe", "Create"))).needed():
                made = await _create(admin, new, log)
        else:
            with Rights(kafka=kafka, topics={topic: ("Alter",)}).needed():
                made = count < wanted and await _grow(admin, topic, count, wanted, log)
        if made:
            told.add(topic)
    return False


async def _partition_counts(admin: AIOKafkaAdminClient, topics: Collection[str]) -> dict[str, int]:
    # asks for all topics: where brokers make topics on demand, asking for one makes it
    counts = {entry["topic"]: len(entry["partitions"]) for entry in await admin.describe_topics()}
    return {topic: counts.get(topic, 0) for topic in topics}


def _configs(topics: TopicSettings) -> Mapping[str, Mapping[str, str]]:
    retention = {"retention.ms": _milliseconds(topics.retention_hours)}
    letters = {
        "retention.ms": _milliseconds(topics.dlq_retention_hours),
        "max.message.bytes": str(DLQ_MESSAGE_BYTES),
        # a letter is as large as its message is uncompressed, however small it was sent
        "compression.type": "zstd",
        # retention counts from a record's timestamp, and a message's is its sender's choice
        "message.timestamp.type": "LogAppendTime",
    }
    return {topics.input: retention, topics.scored: retention, topics.dlq: letters}


def _milliseconds(hours: int) -> str:
    return "-1" if hours < 0 else str(hours * _MS_AN_HOUR)


async def _create(admin: AIOKafkaAdminClient, topic: NewTopic, log: Log) -> bool:
    response: Any = await admin.create_topics([topic])
    for name, code, message in response.topic_errors:
        if code == _ALREADY_EXISTS:
            return False
        if code:
            _raise(name, code, message)
    log.info("topic made", topic=topic.name, partitions=topic.num_partitions, **topic.topic_configs)
    return True


async def _grow(admin: AIOKafkaAdminClient, topic: str, count: int, wanted: int, log: Log) -> bool:
    try:
        await admin.create_partitions({topic: NewPartitions(wanted)})
    except InvalidPartitionsError:
        return False  # somebody else has raised it meanwhile
    except TopicAuthorizationFailedError:
        raise TopicAuthorizationFailedError(topic) from None
    log.info("partitions added", topic=topic, before=count, partitions=wanted)
    return True


def _raise(topic: str, code: int, message: str | None) -> None:
    error = for_code(code)
    if error.retriable or issubclass(error, NOT_ALLOWED):
        raise error
    hint = "; set TOPIC_REPLICATION_FACTOR to at most the number of brokers" if "eplication" in error.__name__ else ""
    raise KafkaSetupError(f"topic {topic} can't be made: {message or error.__name__}{hint}")
