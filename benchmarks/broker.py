"""The broker that all are measured on: the tests' cluster, with the JVM options of Kafka's own start script."""

from tests.integration.broker import Cluster, Line

_JVM = (
    "-Xmx1g",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
)


LINE = Line.ZOOKEEPER


def cluster(line: Line = LINE) -> Cluster:
    """One Kafka broker, and what its line needs beside it."""
    return Cluster(jvm=_JVM, line=line)
