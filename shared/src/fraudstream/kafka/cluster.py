"""What a cluster is, seen from outside: its id and its topics."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError

from fraudstream.errors import KafkaSetupError
from fraudstream.kafka.connection import client_options
from fraudstream.settings import KafkaSettings, TopicSettings

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
