"""The health checks of Kafka and ZooKeeper in the Compose file, run on real ones."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.integration.broker import Cluster
from tests.integration.broker.deadline import wait_until
from tests.integration.broker.process import Process

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
TIMEOUT_S = 5.0


def _is_healthy(service: str, address: str, timeout_s: float = TIMEOUT_S) -> bool:
    """Run the service's check on the server at *address*, as Docker runs it in the container."""
    check = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"][service]["healthcheck"]
    assert check["timeout"] == f"{TIMEOUT_S:g}s"
    kind, *command, script = check["test"]
    assert kind == "CMD"
    inside = {"kafka": "127.0.0.1/9092", "zookeeper": "127.0.0.1/2181"}[service]
    assert inside in script
    script = script.replace(inside, address.replace(":", "/")).replace("$$", "$")
    try:
        done = subprocess.run([*command, script], capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def test_kafka_is_healthy_while_it_answers(own_cluster: Cluster) -> None:
    """A broker that answers is healthy; a paused one, and one that has ended, is not; one that continues is."""
    _assert_healthy_unless_paused("kafka", own_cluster.broker, own_cluster.bootstrap)
    own_cluster.broker.kill()
    assert not _is_healthy("kafka", own_cluster.bootstrap)


@pytest.mark.zookeeper
def test_zookeeper_is_healthy_while_it_answers(own_cluster: Cluster) -> None:
    """The same of ZooKeeper."""
    _assert_healthy_unless_paused("zookeeper", own_cluster.zookeeper, own_cluster.zookeeper_address)


def _assert_healthy_unless_paused(service: str, server: Process, address: str) -> None:
    assert _is_healthy(service, address, timeout_s=60)
    server.pause()
    assert not _is_healthy(service, address, timeout_s=1)
    server.resume()
    wait_until(lambda: _is_healthy(service, address), 60, "healthy again")
