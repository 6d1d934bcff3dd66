"""A cluster's id and the partition counts of its topics."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.connection import client_options
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.settings import KafkaSettings, TopicSettings

_CALL_TIMEOUT_MS = 20_000
_SETTLE_S = 2.0
_SETTLE_PAUSE_S = 0.2
_MOCK = "mockCluster"
_NOT_AUTHORIZED = TopicAuthorizationFailedError.errno


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The cluster's id, and the partition counts of the requested topics (0: the topic does not exist)."""

    id: str
    partitions: Mapping[str, int]

    @property
    def keeps_transactions(self) -> bool:
        """Whether transactions are atomic: librdkafka's mock, which `make demo` embeds, only acknowledges them."""
        return not self._is_mock

    @property
    def wakes_fetches(self) -> bool:
        """Whether a fetch that waits for records is answered when some arrive: the mock lets it wait to the end."""
        return not self._is_mock

    @property
    def _is_mock(self) -> bool:
        return self.id.startswith(_MOCK)


def admin_client(kafka: KafkaSettings) -> AIOKafkaAdminClient:
    """Return an admin client; start it with `connection.started`, stop it with `connection.stopped`."""
    return AIOKafkaAdminClient(**client_options(kafka), request_timeout_ms=_CALL_TIMEOUT_MS)


async def describe(admin: AIOKafkaAdminClient, topics: Collection[str]) -> Cluster:
    """Describe the cluster with a started admin client.

    Raises TopicAuthorizationFailedError where this user may not describe a topic. A broker that has just started may
    report only some of the topics and partitions. All topics of a stack have the same number of partitions: while the
    reported numbers differ, the request is repeated, for up to 2 s.
    """
    cluster = await admin.describe_cluster()
    deadline_s = asyncio.get_running_loop().time() + _SETTLE_S
    while True:
        known = await _partitions(admin, topics)
        most = max(map(len, known.values()), default=0)
        agree = most > 0 and all(known[topic] == set(range(most)) for topic in topics)
        if agree or asyncio.get_running_loop().time() > deadline_s:
            counts = {topic: max(partitions, default=-1) + 1 for topic, partitions in known.items()}
            return Cluster(id=cluster.get("cluster_id") or "", partitions=counts)
        await asyncio.sleep(_SETTLE_PAUSE_S)


async def _partitions(admin: AIOKafkaAdminClient, topics: Collection[str]) -> dict[str, set[int]]:
    """Return the partitions that the broker reports of each topic; empty for a topic that it does not know."""
    described = await admin.describe_topics(list(topics))
    if unauthorized := {entry["topic"] for entry in described if entry["error_code"] == _NOT_AUTHORIZED}:
        raise TopicAuthorizationFailedError(unauthorized)
    known = {entry["topic"]: entry["partitions"] for entry in described if not entry["error_code"]}
    return {topic: {one["partition"] for one in known.get(topic, ())} for topic in topics}


def check_partitions(cluster: Cluster, topics: TopicSettings) -> None:
    """Raise KafkaSetupError where a topic is missing, or an output topic has fewer partitions than the input topic.

    A record keeps its partition number in every topic.
    """
    needed = cluster.partitions[topics.input]
    missing = [topic for topic, count in cluster.partitions.items() if count == 0]
    if missing:
        raise KafkaSetupError(f"no such topic: {', '.join(missing)}; create it with: {own_command('topics')}")
    for variable, topic in (("SCORED_TOPIC", topics.scored), ("DLQ_TOPIC", topics.dlq)):
        if cluster.partitions[topic] < needed:
            raise KafkaSetupError(
                f"{variable}: {topic} has {cluster.partitions[topic]} partitions, {topics.input} has {needed}; "
                f"add partitions with: TOPIC_PARTITIONS={needed} {own_command('topics')}"
            )
