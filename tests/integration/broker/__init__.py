"""Real Kafka for tests, from Maven's jars: no Docker needed."""

from tests.integration.broker.cluster import Cluster
from tests.integration.broker.jars import why_unavailable
from tests.integration.broker.line import Line, kafka_line

__all__ = ["Cluster", "Line", "kafka_line", "why_unavailable"]
