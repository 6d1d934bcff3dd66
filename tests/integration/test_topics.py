"""`fraudstream topics` on real Kafka."""

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Names
from tests.integration.broker import Cluster
from tests.integration.service import Service
from tests.integration.topic import config, create, partition_counts

pytestmark = pytest.mark.kafka4

HOUR_MS = 3_600_000


def _settings(bootstrap: str, names: Names, **more: str) -> dict[str, str]:
    topics = {variable: names(variable.lower()) for variable in ("INPUT_TOPIC", "SCORED_TOPIC", "DLQ_TOPIC")}
    return {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, **topics, **more}


def _run(folder: Path, settings: dict[str, str]) -> Service:
    return Service(folder, "cli", settings, "topics")


def _at(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["timestamp"])


def _topics(settings: dict[str, str]) -> list[str]:
    return [settings[variable] for variable in ("INPUT_TOPIC", "SCORED_TOPIC", "DLQ_TOPIC")]


def test_makes_the_topics(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """Three topics with their retention are each reported once. A second run changes and reports nothing new."""
    hours = {"TOPIC_RETENTION_HOURS": "5", "DLQ_RETENTION_HOURS": "7"}
    settings = _settings(kafka_bootstrap, names, TOPIC_PARTITIONS="4", **hours)
    with _run(tmp_path, settings) as first:
        assert first.wait() == 0, first.output
    with _run(tmp_path, settings) as second:
        assert second.wait() == 0, second.output
    assert [line["topic"] for line in first.lines("topic created")] == _topics(settings)
    assert len(first.output.splitlines()) == 3
    assert [line["partitions"] for line in second.lines("topic exists")] == [4, 4, 4]
    assert partition_counts(kafka_bootstrap, _topics(settings)) == [4, 4, 4]
    retentions = [config(kafka_bootstrap, topic)["retention.ms"] for topic in _topics(settings)]
    assert retentions == [str(5 * HOUR_MS), str(5 * HOUR_MS), str(7 * HOUR_MS)]
    letters = config(kafka_bootstrap, settings["DLQ_TOPIC"])
    assert letters["max.message.bytes"] == str(2 << 20)
    assert letters["compression.type"] == "zstd"
    assert letters["message.timestamp.type"] == "LogAppendTime"


def test_dead_letters_may_be_kept_without_limit(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """A retention of -1 keeps dead letters without a limit."""
    settings = _settings(kafka_bootstrap, names, DLQ_RETENTION_HOURS="-1")
    with _run(tmp_path, settings) as service:
        assert service.wait() == 0, service.output
    assert config(kafka_bootstrap, settings["DLQ_TOPIC"])["retention.ms"] == "-1"


def test_raises_all_together_and_never_lowers(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """Topics with different counts all get the largest of their counts and the requested one."""
    settings = _settings(kafka_bootstrap, names, TOPIC_PARTITIONS="2")
    create(kafka_bootstrap, settings["INPUT_TOPIC"], 3)
    create(kafka_bootstrap, settings["SCORED_TOPIC"], 5)
    with _run(tmp_path, settings) as service:
        assert service.wait() == 0, service.output
    assert partition_counts(kafka_bootstrap, _topics(settings)) == [5, 5, 5]
    with _run(tmp_path, {**settings, "TOPIC_PARTITIONS": "7"}) as service:
        assert service.wait() == 0, service.output
    assert partition_counts(kafka_bootstrap, _topics(settings)) == [7, 7, 7]
    assert [(line["before"], line["partitions"]) for line in service.lines("partitions added")] == [(5, 7)] * 3


def test_at_the_same_time(kafka_bootstrap: str, names: Names, tmp_path: Path) -> None:
    """Two concurrent runs with different counts both succeed, and the higher count holds."""
    settings = _settings(kafka_bootstrap, names)
    runs = [_run(tmp_path, {**settings, "TOPIC_PARTITIONS": count}) for count in ("2", "6", "2", "6")]
    for run in runs:
        with run:
            assert run.wait(40) == 0, run.output
    assert partition_counts(kafka_bootstrap, _topics(settings)) == [6, 6, 6]


def test_more_replicas_than_brokers(own_cluster: Cluster, names: Names, tmp_path: Path) -> None:
    """One line names the setting, with exit code 1."""
    settings = _settings(own_cluster.bootstrap, names, TOPIC_REPLICATION_FACTOR="2")
    with _run(tmp_path, settings) as service:
        assert service.wait() == 1
    assert len(service.output.splitlines()) == 1
    assert "TOPIC_REPLICATION_FACTOR" in service.lines("stopped")[0]["reason"]


def test_waits_for_the_broker(own_cluster: Cluster, names: Names, tmp_path: Path) -> None:
    """The command logs one line until the broker is up."""
    own_cluster.broker.terminate()
    settings = _settings(own_cluster.bootstrap, names)
    with _run(tmp_path, settings) as service:
        (line,) = service.wait_for("waiting for Kafka")
        own_cluster.broker.start()
        assert service.wait(30) == 0, service.output
    assert line["bootstrap"] == own_cluster.bootstrap
    lines = service.lines("waiting for Kafka")
    for before, after in pairwise(lines):  # no more than one in 10 s, unless the state changes
        assert after.get("reason") != before.get("reason") or _at(after) - _at(before) > timedelta(seconds=9.5)
    assert len(service.lines("topic created")) == 3
    assert "Unclosed" not in service.output
    assert "Traceback" not in service.output


def test_stopped_while_waiting(names: Names, tmp_path: Path) -> None:
    """On SIGTERM the command ends promptly, without an error."""
    with _run(tmp_path, _settings("127.0.0.1:1", names)) as service:
        service.wait_for("waiting for Kafka")
        service.terminate()
        assert service.wait(3) == 0, service.output
