"""Kafka broker inside this process: librdkafka's mock cluster, made for tests and good enough for a demo.

It has one partition leader, no transactions with offsets, and keeps only about 5 MB of records per partition.
"""

from confluent_kafka import Consumer, Producer, TopicPartition

PARTITIONS = 4
_TIMEOUT_S = 10.0


class EmbeddedBroker:
    """Broker on its own port for the lifetime of this object; topics are created on first use."""

    def __init__(self) -> None:
        self._cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        metadata = self._cluster.list_topics(timeout=_TIMEOUT_S)
        self.address = ",".join(f"{broker.host}:{broker.port}" for broker in metadata.brokers.values())

    def records(self, topic: str) -> int:
        """Return the number of records that were sent to `topic`."""
        reader = Consumer({"bootstrap.servers": self.address, "group.id": "demo-count", "log_level": 0})
        try:
            places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
            return sum(reader.get_watermark_offsets(place, timeout=_TIMEOUT_S)[1] for place in places)
        finally:
            reader.close()
