"""Networks of the Compose files: members, access to the outside, and agreement with docs/networks.md."""

from pathlib import Path
from typing import Any

import pytest

from tests.networks import Model, drawing, internal, memberships, merged, parse, with_defaults

ROOT = Path(__file__).parents[1]
NO_NETWORK = {"volumes", "trainer"}


def _model(name: str) -> dict[str, Any]:
    return parse(with_defaults((ROOT / name).read_text(encoding="utf-8")))


STACK = _model("docker-compose.yml")
OWN_KAFKA = merged(STACK, _model("docker-compose.own-kafka.yml"))
POSTGRES_PORT = merged(STACK, _model("docker-compose.postgres-port.yml"))
VARIANTS = {"stack": STACK, "own Kafka": OWN_KAFKA, "Postgres' port": POSTGRES_PORT}


def test_each_network_has_its_members() -> None:
    """Only Kafka reaches ZooKeeper, only three services reach Postgres; offline services have no network."""
    members = {
        network: {name for name, joined in memberships(STACK).items() if network in joined} for network in _names()
    }
    assert members == {
        "zookeeper": {"zookeeper", "kafka"},
        "kafka": {"kafka", "topics", "scorer", "producer", "archiver", "dashboard", "cli", "erase"},
        "metrics": {"scorer", "producer", "archiver", "dashboard", "prometheus"},
        "database": {"archiver", "postgres", "archive", "erase"},
        "kafka-host": {"kafka"},
        "web": {"dashboard", "prometheus"},
        "outside": {"archiver", "archive", "erase"},
    }
    assert {name for name, joined in memberships(STACK).items() if not joined} == NO_NETWORK


def test_access_to_the_outside_only_where_needed() -> None:
    """Networks are internal, except those of published ports and of an external database or Kafka."""
    assert _names() - internal(STACK) == {"kafka-host", "web", "outside"}
    out = {name for name, joined in memberships(STACK).items() if joined - internal(STACK)}
    assert out == {"kafka", "archiver", "dashboard", "prometheus", "archive", "erase"}


@pytest.mark.parametrize("model", VARIANTS.values(), ids=VARIANTS)
def test_a_published_port_has_a_network_that_is_not_internal(model: Model) -> None:
    """Docker publishes no port of a service whose networks are all internal."""
    for name, service in model["services"].items():
        if service.get("ports"):
            assert memberships(model)[name] - internal(model), name


def test_own_kafka_gives_its_clients_external_access() -> None:
    """Every service that connects to the brokers can reach external ones; the other services keep their networks."""
    inside, outside = memberships(STACK), memberships(OWN_KAFKA)
    assert inside.keys() - outside.keys() == {"zookeeper", "kafka"}
    for name, joined in outside.items():
        assert joined == (inside[name] | {"outside"} if "kafka" in joined else inside[name]), name


def test_postgres_is_published_on_demand() -> None:
    """Without the second file, no port of Postgres is published on the host."""
    assert "ports" not in STACK["services"]["postgres"]
    assert POSTGRES_PORT["services"]["postgres"]["ports"] == ["127.0.0.1:5432:5432"]


@pytest.mark.parametrize("model", [STACK, OWN_KAFKA], ids=["stack", "own Kafka"])
def test_the_drawing_is_the_compose_file(model: Model) -> None:
    """docs/networks.md shows the current networks; if they differ, copy the drawing that this test prints."""
    assert f"```\n{drawing(model)}\n```" in (ROOT / "docs/networks.md").read_text(encoding="utf-8")


def _names() -> set[str]:
    return set(STACK["networks"])
