"""The limits of the output topics: read at start, at intervals, and when a topic refuses records."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import BrokerResponseError, KafkaError, NoError, TopicAuthorizationFailedError

from fraudstream.errors import TopicRefusesError
from fraudstream.kafka.cluster import admin_client
from fraudstream.kafka.connection import BROKEN, error_text, stopped
from fraudstream.kafka.refused_records import BROKER_TIME, TopicLimits, refusal
from fraudstream.kafka.rights import Rights
from fraudstream.record import Message
from fraudstream.runtime.settings import KafkaSettings

_READ_EVERY_S = 30.0
_READ_TIMEOUT_S = 5.0
# the embedded broker does not support DescribeConfigs, and aiokafka then raises errors of any of these types
_UNSUPPORTED = (KafkaError, ValueError, AttributeError)


class TopicsChangedError(KafkaError):
    """A topic refused records, and its settings have changed since they were sent: send them again."""


class OutputLimits:
    """The latest known limits of each topic. All producers for these topics share one instance."""

    def __init__(self, kafka: KafkaSettings, topics: Collection[str], stamped: Collection[str] = ()) -> None:
        """Log no remark about the timestamps of the topics `stamped`, which are to be the broker's."""
        self._kafka = kafka
        self._limits = {topic: TopicLimits(topic=topic) for topic in topics}
        self._read_s = -_READ_EVERY_S
        self._reading = asyncio.Lock()
        self._unauthorized: set[str] = set()
        self._logged = {(topic, BROKER_TIME) for topic in stamped}

    def of(self, topic: str) -> TopicLimits:
        """Return the latest limits of *topic*; Kafka's defaults until they are read."""
        return self._limits[topic]

    def batch_bytes(self, topic: str) -> int:
        """Return the largest batch that *topic* accepts, in bytes."""
        return self._limits[topic].batch_bytes

    async def read(self, admin: AIOKafkaAdminClient) -> None:
        """Read all limits with a started client; a topic whose settings may not be read keeps its latest known ones."""
        started_s = time.monotonic()
        try:
            limits_read = await _read(admin, self._limits)
        except _UNSUPPORTED:
            return
        self._unauthorized = {topic for topic, limits in limits_read.items() if limits is None}
        for topic, limits in limits_read.items():
            if limits is None:
                continue
            self._report(self._limits[topic], limits)
            self._limits[topic] = limits
        self._read_s = started_s

    async def refresh(self) -> None:
        """Read all limits again, unless another call has since this one. Without an answer, nothing changes."""
        called_s = time.monotonic()
        async with self._reading:
            if self._read_s >= called_s:
                return
            admin = admin_client(self._kafka)
            try:
                async with asyncio.timeout(_READ_TIMEOUT_S):
                    await admin.start()
                    await self.read(admin)
            except BROKEN as error:  # retried at the next refusal, or in 30 s
                structlog.get_logger().debug("reading topic settings failed", reason=error_text(error))
            finally:
                await stopped(admin)

    async def follow(self) -> None:
        """Read all limits every 30 s, until cancelled."""
        while True:
            await asyncio.sleep(_READ_EVERY_S)
            await self.refresh()

    async def refused(self, used: TopicLimits, error: BrokerResponseError, messages: Sequence[Message]) -> Exception:
        """Return the error to raise where *messages*, sent with the limits *used*, were refused with *error*."""
        await self.refresh()
        limits = self.of(used.topic)
        if limits != used:
            return TopicsChangedError(f"the settings of {used.topic} have changed")
        cause = limits.cause(error, messages, time.time_ns() // 1_000_000)
        text = refusal(limits, error, cause, self._kafka.bootstrap_servers)
        if limits.topic in self._unauthorized:
            rights = Rights(kafka=self._kafka, topics={limits.topic: ("DescribeConfigs",)})
            text += f"; {rights.missing(TopicAuthorizationFailedError(limits.topic))}"
        return TopicRefusesError(text)

    def _report(self, before: TopicLimits, now: TopicLimits) -> None:
        log = structlog.get_logger()
        changed = {name: value for name, value in now.settings.items() if before.settings.get(name, value) != value}
        if changed:
            log.info("topic settings changed", topic=now.topic, settings=changed)
        for setting, meaning in now.remarks.items():
            if (now.topic, setting) not in self._logged:
                self._logged.add((now.topic, setting))
                log.warning("topic setting affects records", topic=now.topic, setting=setting, meaning=meaning)


async def topic_settings(admin: AIOKafkaAdminClient, topic: str) -> Mapping[str, str]:
    """Return the settings of *topic*, including the broker's defaults; empty where the broker does not report them."""
    try:
        limits = (await _read(admin, (topic,))).get(topic)
    except _UNSUPPORTED:
        return {}
    return limits.settings if limits else {}


async def _read(admin: AIOKafkaAdminClient, topics: Collection[str]) -> dict[str, TopicLimits | None]:
    """Return the limits of each topic that exists; None where this user may not read them."""
    responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics])
    limits: dict[str, TopicLimits | None] = {}
    for resource in (resource for response in responses for resource in response.to_object()["resources"]):
        topic, code = resource["resource_name"], resource["error_code"]
        if code in (NoError.errno, TopicAuthorizationFailedError.errno):
            limits[topic] = None if code else TopicLimits(topic=topic, settings=_settings(resource))
    return limits


def _settings(resource: Mapping[str, object]) -> dict[str, str]:
    entries: Sequence[Mapping[str, str]] = resource["config_entries"]  # type: ignore[assignment]
    return {entry["config_names"]: entry["config_value"] for entry in entries if entry["config_value"] is not None}
