"""Real Kafka and ZooKeeper for tests, from Maven's jars: no Docker needed."""

from tests.integration.broker.cluster import Cluster
from tests.integration.broker.jars import why_unavailable

__all__ = ["Cluster", "why_unavailable"]
