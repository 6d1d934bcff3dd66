"""What a cluster is, seen from outside: its id, its topics, their limits."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.connection import client_options
from fraudstream.settings import KafkaSettings, TopicSettings

_DEFAULT_MESSAGE_BYTES = 1_048_588
_CALL_TIMEOUT_MS = 20_000
_MOCK = "mockCluster"
_NOT_AUTHORIZED = TopicAuthorizationFailedError.errno


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The cluster's id, and the partition counts of the topics asked about (0: there is no such topic)."""

    id: str
    partitions: Mapping[str, int]

    @property
    def keeps_transactions(self) -> bool:
        """Whether a transaction is all or nothing there: librdkafka's mock, which `make demo` embeds, only says so."""
        return not self.id.startswith(_MOCK)


def admin_client(kafka: KafkaSettings) -> AIOKafkaAdminClient:
    """A client to ask with; start it with `connection.started`, stop it with `connection.stopped`."""
    return AIOKafkaAdminClient(**client_options(kafka), request_timeout_ms=_CALL_TIMEOUT_MS)


async def describe(admin: AIOKafkaAdminClient, topics: Collection[str]) -> Cluster:
    """Ask a started admin client. Raises TopicAuthorizationFailedError where this user may not know of a topic."""
    cluster = await admin.describe_cluster()
    described = await admin.describe_topics(list(topics))
    if hidden := {entry["topic"] for entry in described if entry["error_code"] == _NOT_AUTHORIZED}:
        raise TopicAuthorizationFailedError(hidden)
    counts = {entry["topic"]: len(entry["partitions"]) for entry in described if not entry["error_code"]}
    return Cluster(id=cluster.get("cluster_id") or "", partitions={topic: counts.get(topic, 0) for topic in topics})


async def message_limit(admin: AIOKafkaAdminClient, topic: str) -> int:
    """The largest batch, in bytes, that `topic` takes; Kafka's default where the broker doesn't say."""
    limit = await _topic_setting(admin, topic, "max.message.bytes")
    return int(limit) if limit else _DEFAULT_MESSAGE_BYTES


async def is_compacted(admin: AIOKafkaAdminClient, topic: str) -> bool:
    """Whether compaction may remove records of `topic`; taken for false where the broker doesn't say."""
    return "compact" in (await _topic_setting(admin, topic, "cleanup.policy") or "")


async def _topic_setting(admin: AIOKafkaAdminClient, topic: str, name: str) -> str | None:
    try:
        responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: None})])
    except (KafkaError, ValueError, AttributeError):
        return None
    for response in responses:
        for resource in response.to_object()["resources"]:
            for entry in resource.get("config_entries", ()):
                if entry["config_names"] == name:
                    value: str = entry["config_value"]
                    return value
    return None


def check_partitions(cluster: Cluster, topics: TopicSettings) -> None:
    """Raise KafkaSetupError where an output topic has too few: a record keeps its partition number in every topic."""
    needed = cluster.partitions[topics.input]
    missing = [topic for topic, count in cluster.partitions.items() if count == 0]
    if missing:
        raise KafkaSetupError(f"no such topic: {', '.join(missing)}; make it with: fraudstream topics")
    for variable, topic in (("SCORED_TOPIC", topics.scored), ("DLQ_TOPIC", topics.dlq)):
        if cluster.partitions[topic] < needed:
            raise KafkaSetupError(
                f"{variable}: {topic} has {cluster.partitions[topic]} partitions, {topics.input} has {needed}; "
                f"raise it with: TOPIC_PARTITIONS={needed} fraudstream topics"
            )
