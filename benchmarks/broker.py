"""The broker of all measurements: the tests' cluster, with the JVM options of Kafka's own start script."""

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
    """Return one Kafka broker, with the ZooKeeper or controller that its release line needs."""
    return Cluster(jvm=_JVM, line=line)
