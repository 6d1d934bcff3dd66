"""The services alone, on an external Kafka that requires authentication; after the stack's other tests."""

from collections.abc import Iterator

import pytest

from tests.e2e.compose import Stack, bridge_address
from tests.integration.broker.secured import Right, Secured, secured_cluster

USER, PASSWORD = "fraud", "S3cret-of-a-whole-stack"
TOPICS = ("test-payments", "scored-payments", "payments-dlq")
OURS = {"archiver", "dashboard", "producer", "scorer", "topics", "trainer", "volumes"}


@pytest.fixture
def secured(own_cluster_is_possible: None) -> Iterator[Secured]:  # noqa: ARG001 - skips where there are no jars
    """Start a secured cluster at an address that containers reach; one user has the rights of docs/own-kafka.md."""
    with secured_cluster({}, bridge_address()) as cluster:
        cluster.add_user(USER, PASSWORD)
        operations = ("Describe", "Create", "Alter", "Read", "Write")
        cluster.grant(
            USER,
            *(Right(operation=one, resource="topic", name=topic) for one in operations for topic in TOPICS),
            Right(operation="Read", resource="group", name="fraud_group"),
            Right(operation="Write", resource="transactional-id", name="fraud_group-test-payments-", prefixed=True),
        )
        yield cluster


@pytest.fixture
def elsewhere(stack: Stack, secured: Secured) -> Iterator[Stack]:
    """Return the stack as docs/own-kafka.md sets it up, in a folder without files of another Kafka."""
    stack.compose("down", "--volumes")
    stack.csv.unlink(missing_ok=True)
    secrets = stack.folder / "secrets"
    secrets.mkdir()
    for name, content in (("ca.pem", secured.authority.file.read_text("ascii")), ("kafka.password", PASSWORD)):
        (secrets / name).write_text(content, encoding="ascii")
    stack.settings = {
        "COMPOSE_FILE": "docker-compose.yml:docker-compose.own-kafka.yml",
        "KAFKA_BOOTSTRAP_SERVERS": secured.address("SCRAM"),
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD_FILE": "secrets/kafka.password",
        "KAFKA_SSL_CAFILE": "secrets/ca.pem",
        "PAYMENT_INTERVAL_S": "1",
    }
    yield stack
    stack.compose("down", "--volumes")
    stack.settings = {}


def test_scram_over_tls(elsewhere: Stack) -> None:
    """With one more file, a certificate and a password, no bundled Kafka runs and each payment is scored once."""
    elsewhere.up()
    elsewhere.wait_for_rows(5, timeout_s=60)
    assert set(elsewhere.compose("ps", "--all", "--services").split()) == OURS
    elsewhere.compose("stop", "producer")
    assert "Verified: each of" in elsewhere.compose("run", "--rm", "-T", "cli", "verify")
    assert PASSWORD not in elsewhere.compose("logs", "--no-color")
