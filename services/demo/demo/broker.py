"""A Kafka broker inside this process: librdkafka's mock cluster, made for tests and good enough to look at.

It has one partition leader, no transactions with offsets, and no memory of older records (about 5 MB a partition).
"""

from confluent_kafka import Consumer, Producer, TopicPartition

PARTITIONS = 4
_TIMEOUT_S = 10.0


class EmbeddedBroker:
    """Serves on a port of its own for as long as this object lives; topics are made when first asked for."""

    def __init__(self) -> None:
        self._cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        metadata = self._cluster.list_topics(timeout=_TIMEOUT_S)
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in metadata.brokers.values())

    def records(self, topic: str) -> int:
        """How many records `topic` has been sent."""
        reader = Consumer({"bootstrap.servers": self.address, "group.id": "demo-count", "log_level": 0})
        try:
            places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
            return sum(reader.get_watermark_offsets(place, timeout=_TIMEOUT_S)[1] for place in places)
        finally:
            reader.close()
