"""Our services alone, on a Kafka that is somewhere else and asks who we are; after the stack's other tests."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.compose import Stack
from tests.integration.broker.secured import Right, Secured, secured_cluster

USER, PASSWORD = "fraud", "S3cret-of-a-whole-stack"
TOPICS = ("test-payments", "scored-payments", "payments-dlq")
OURS = {"archiver", "dashboard", "producer", "scorer", "topics", "trainer", "volumes"}
FILES = ("--file", "docker-compose.yml", "--file", "docker-compose.own-kafka.yml")


@pytest.fixture
def secured(own_cluster_is_possible: None) -> Iterator[Secured]:  # noqa: ARG001 - skips where there are no jars
    """At an address that containers reach; one user has all rights that docs/own-kafka.md lists."""
    template = "{{(index .IPAM.Config 0).Gateway}}"
    found = subprocess.run(
        ["docker", "network", "inspect", "bridge", "--format", template], capture_output=True, text=True, check=True
    )
    with secured_cluster({}, found.stdout.strip()) as cluster:
        cluster.add_user(USER, PASSWORD)
        operations = ("Describe", "Create", "Alter", "Read", "Write")
        cluster.grant(
            USER,
            *(Right(operation=one, resource="topic", name=topic) for one in operations for topic in TOPICS),
            Right(operation="Read", resource="group", name="fraud_group"),
            Right(operation="Write", resource="transactional-id", name="fraud_group-test-payments-", prefixed=True),
        )
        yield cluster


def test_scram_over_tls(stack: Stack, secured: Secured) -> None:
    """With one more file, certificates and a password in a folder: no Kafka of ours, each payment scored once."""
    stack.compose("down", "--volumes")
    stack.csv.unlink()
    settings = _settings(secured, stack.folder / "secrets")
    stack.compose(*FILES, "up", "--detach", timeout_s=180, **settings)
    stack.wait_for_rows(5, timeout_s=60)
    names = set(stack.compose(*FILES, "ps", "--all", "--services", **settings).split())
    assert names == OURS
    stack.compose(*FILES, "stop", "producer", **settings)
    assert "All well" in stack.compose(*FILES, "run", "--rm", "-T", "cli", "verify", **settings)
    assert PASSWORD not in stack.compose(*FILES, "logs", "--no-color", **settings)
    stack.compose(*FILES, "down", "--volumes", **settings)


def _settings(cluster: Secured, secrets: Path) -> dict[str, str]:
    secrets.mkdir()
    for name, content in (("ca.pem", cluster.authority.file.read_text()), ("kafka.password", PASSWORD)):
        (secrets / name).write_text(content, encoding="utf-8")
        (secrets / name).chmod(0o644)
    return {
        "KAFKA_BOOTSTRAP_SERVERS": cluster.address("SCRAM"),
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD_FILE": "secrets/kafka.password",
        "KAFKA_SSL_CAFILE": "secrets/ca.pem",
        "PAYMENT_INTERVAL_S": "1",
    }
