"""Topics of one run, created, counted and deleted; and the groups that read them."""

from collections.abc import Collection
from contextlib import closing
from functools import partial

from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupState, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tests.integration.broker.deadline import wait_until

from benchmarks.visible import TopicOutput

_TIMEOUT_S = 30.0
_END = "_PARTITION_EOF"
_AT_ONCE = 10_000


def make(bootstrap: str, names: Collection[str], partitions: int) -> None:
    """Create topics with the broker's defaults; blocks until the broker leads all their partitions.

    A broker of Kafka 4 leads them a moment after its controller has created them.
    """
    new = [NewTopic(name, num_partitions=partitions, replication_factor=1) for name in names]
    admin = _admin(bootstrap)
    for done in admin.create_topics(new, operation_timeout=_TIMEOUT_S).values():
        done.result(_TIMEOUT_S)
    for name in names:
        wait_until(partial(_is_led, bootstrap, name, partitions), _TIMEOUT_S, f"{name} led by the broker")


def _admin(bootstrap: str) -> AdminClient:
    """Return a client, to be kept until its results are there: once it is collected, they fail."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def _is_led(bootstrap: str, name: str, partitions: int) -> bool:
    with closing(TopicOutput(bootstrap, name, partitions)) as output:
        try:
            output.total()
        except ConnectionError:
            return False
    return True


def delete(bootstrap: str, names: Collection[str]) -> None:
    """Delete topics."""
    admin = _admin(bootstrap)
    for done in admin.delete_topics(list(names), operation_timeout=_TIMEOUT_S).values():
        done.result(_TIMEOUT_S)


def committed_records(bootstrap: str, topic: str, partitions: int) -> int:
    """Return the number of records that a read_committed reader finds in `topic`, by reading all of it."""
    with closing(reader(bootstrap, topic, partitions, **{"enable.partition.eof": True})) as consumer:
        return _count(consumer, partitions)


def reader(bootstrap: str, topic: str, partitions: int, **options: object) -> Consumer:
    """Return a read_committed consumer of the whole topic."""
    own = {"bootstrap.servers": bootstrap, "group.id": f"{topic}-reader", "isolation.level": "read_committed"}
    consumer = Consumer({**own, "enable.auto.commit": False, "log_level": 0, **options})
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)])
    return consumer


def _count(reader: Consumer, partitions: int) -> int:
    records, ended = 0, set[int | None]()
    while len(ended) < partitions:
        messages = reader.consume(_AT_ONCE, timeout=0.5)
        for message in messages:
            if (error := message.error()) is None:
                records += 1
            elif error.name() == _END:
                ended.add(message.partition())
            else:
                raise RuntimeError(f"counting failed: {error}")
    return records


def members(bootstrap: str, group: str) -> int:
    """Return the number of members of a settled group, each with partitions; 0 while it is rebalancing."""
    admin = _admin(bootstrap)
    description = admin.describe_consumer_groups([group])[group].result(_TIMEOUT_S)
    if description.state is not ConsumerGroupState.STABLE:
        return 0
    return sum(bool(member.assignment.topic_partitions) for member in description.members)
