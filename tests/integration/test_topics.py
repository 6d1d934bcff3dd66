"""`fraudstream topics` on real Kafka."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import Names
from tests.integration.broker import Cluster
from tests.integration.scorer import Surroundings
from tests.integration.service import Service, logged_at
from tests.integration.topic import config, create, partition_counts

pytestmark = pytest.mark.kafka4

HOUR_MS = 3_600_000


@pytest.fixture
def unprepared(kafka_bootstrap: str, names: Names, tmp_path: Path) -> Surroundings:
    """Provide settings whose topics are not created yet."""
    return Surroundings(kafka_bootstrap, names, tmp_path)


def make_topics(surroundings: Surroundings, **settings: str) -> Service:
    """Run `fraudstream topics` to its end, with exit code 0."""
    with surroundings.service("cli", "topics", **settings) as service:
        assert service.wait() == 0, service.output
    return service


def test_makes_the_topics(unprepared: Surroundings) -> None:
    """Three topics with their retention are each reported once. A second run changes and reports nothing new."""
    settings = {"TOPIC_PARTITIONS": "4", "TOPIC_RETENTION_HOURS": "5", "DLQ_RETENTION_HOURS": "7"}
    first, second = (make_topics(unprepared, **settings) for _ in range(2))
    bootstrap, topics = unprepared.bootstrap, unprepared.topics
    assert [line["topic"] for line in first.lines("topic created")] == topics
    assert len(first.output.splitlines()) == 3
    assert [line["partitions"] for line in second.lines("topic exists")] == [4, 4, 4]
    assert partition_counts(bootstrap, topics) == [4, 4, 4]
    retentions = [config(bootstrap, topic)["retention.ms"] for topic in topics]
    assert retentions == [str(5 * HOUR_MS), str(5 * HOUR_MS), str(7 * HOUR_MS)]
    letters = config(bootstrap, topics[2])
    assert letters["max.message.bytes"] == str(2 << 20)
    assert letters["compression.type"] == "zstd"
    assert letters["message.timestamp.type"] == "LogAppendTime"


def test_dead_letters_may_be_kept_without_limit(unprepared: Surroundings) -> None:
    """A retention of -1 keeps dead letters without a limit."""
    make_topics(unprepared, DLQ_RETENTION_HOURS="-1")
    assert config(unprepared.bootstrap, unprepared.topics[2])["retention.ms"] == "-1"


def test_raises_all_together_and_never_lowers(unprepared: Surroundings) -> None:
    """Topics with different counts all get the largest of their counts and the requested one."""
    bootstrap, topics = unprepared.bootstrap, unprepared.topics
    create(bootstrap, topics[0], 3)
    create(bootstrap, topics[1], 5)
    make_topics(unprepared, TOPIC_PARTITIONS="2")
    assert partition_counts(bootstrap, topics) == [5, 5, 5]
    service = make_topics(unprepared, TOPIC_PARTITIONS="7")
    assert partition_counts(bootstrap, topics) == [7, 7, 7]
    assert [(line["before"], line["partitions"]) for line in service.lines("partitions added")] == [(5, 7)] * 3


def test_at_the_same_time(unprepared: Surroundings) -> None:
    """Two concurrent runs with different counts both succeed, and the higher count holds."""
    runs = [unprepared.service("cli", "topics", TOPIC_PARTITIONS=count) for count in ("2", "6", "2", "6")]
    for run in runs:
        with run:
            assert run.wait() == 0, run.output
    assert partition_counts(unprepared.bootstrap, unprepared.topics) == [6, 6, 6]


def test_more_replicas_than_brokers(unprepared: Surroundings) -> None:
    """One line names the setting, with exit code 1."""
    with unprepared.service("cli", "topics", TOPIC_REPLICATION_FACTOR="2") as service:
        assert "TOPIC_REPLICATION_FACTOR" in service.wait_for_failure()
    assert len(service.output.splitlines()) == 1


def test_waits_for_the_broker(own_cluster: Cluster, names: Names, tmp_path: Path) -> None:
    """The command logs one line until the broker is up."""
    own = Surroundings(own_cluster.bootstrap, names, tmp_path)
    own_cluster.broker.terminate()
    with own.service("cli", "topics") as service:
        (line,) = service.wait_for("waiting for Kafka")
        own_cluster.broker.start()
        assert service.wait() == 0, service.output
    assert line["bootstrap"] == own_cluster.bootstrap
    lines = service.lines("waiting for Kafka")
    for before, after in pairwise(lines):  # no more than one in 10 s, unless the state changes
        assert after.get("reason") != before.get("reason") or logged_at(after) - logged_at(before) > timedelta(
            seconds=9.5
        )
    assert len(service.lines("topic created")) == 3
    assert "Unclosed" not in service.output
    assert "Traceback" not in service.output


def test_stopped_while_waiting(names: Names, tmp_path: Path) -> None:
    """On SIGTERM the command ends promptly, without an error."""
    with Surroundings("127.0.0.1:1", names, tmp_path).service("cli", "topics") as service:
        service.wait_for("waiting for Kafka")
        service.stop()
