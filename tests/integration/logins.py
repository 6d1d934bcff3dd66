"""Logins of the services to the secured cluster, and the rights that each one needs there."""

from collections.abc import Mapping
from pathlib import Path

from tests.conftest import Names
from tests.integration.broker.secured import Right, Secured
from tests.integration.scorer import Surroundings
from tests.integration.secrets import password_of
from tests.integration.service import Service
from tests.integration.trained import save_model


def login(cluster: Secured, user: str, mechanism: str = "SCRAM-SHA-512", listener: str = "SCRAM") -> dict[str, str]:
    """Return the settings of a user with a password."""
    tls = {"KAFKA_SSL_CAFILE": str(cluster.authority.file)} if listener != "PASSWORD" else {}
    return tls | {
        "KAFKA_BOOTSTRAP_SERVERS": cluster.address(listener),
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL" if tls else "SASL_PLAINTEXT",
        "KAFKA_SASL_MECHANISM": mechanism,
        "KAFKA_SASL_USERNAME": user,
        "KAFKA_SASL_PASSWORD": password_of(user),
    }


def certificate_login(cluster: Secured, certificate: str, password: str = "") -> dict[str, str]:
    """Return the settings of a client with a certificate."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": cluster.address("MUTUAL"),
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CAFILE": str(cluster.authority.file),
        "KAFKA_SSL_CERTFILE": str(cluster.folder / f"{certificate}.pem") if certificate else "",
        "KAFKA_SSL_KEYFILE": str(cluster.folder / f"{certificate}.key") if certificate else "",
        "KAFKA_SSL_KEY_PASSWORD": password,
    }


class Place(Surroundings):
    """A scorer's surroundings in the secured cluster, where each service is a user with only the rights it needs."""

    def __init__(self, cluster: Secured, names: Names, folder: Path) -> None:
        super().__init__(cluster.bootstrap, names, folder)
        self.cluster = cluster
        self.payments, self.scored, self.dead = self.topics
        escaped = self.group.replace("-", "%2D")
        self.ids = f"{escaped}-{self.payments}-"
        self.replays = f"{escaped}-{self.dead}-replay"
        self.settings |= {"TOPIC_PARTITIONS": "4"}
        self.model = save_model(folder / "models")

    def rights(self, service: str) -> list[Right]:
        """Return the rights that docs/own-kafka.md lists for this service."""

        def of_topics(operation: str) -> list[Right]:
            return [Right(operation=operation, resource="topic", name=name) for name in self.topics]

        read, write = of_topics("Read"), of_topics("Write")
        member = Right(operation="Read", resource="group", name=self.group)
        transactions = Right(operation="Write", resource="transactional-id", name=self.ids, prefixed=True)
        replays = Right(operation="Write", resource="transactional-id", name=self.replays, prefixed=True)
        return {
            "topics": [*of_topics("Describe"), *of_topics("Create")],
            "producer": write[:1],
            "scorer": [read[0], *write[1:], member, transactions],
            "dashboard": read[1:],
            "archiver": read[1:],
            "replay": [write[0], read[2], write[2], replays],
            "cli": [*read, *write[1:], member, transactions],
        }[service]

    def start(self, module: str, settings: Mapping[str, str], *arguments: str) -> Service:
        """Start a service, or a command of `fraudstream`, with these login settings."""
        return Service(self.folder, module, {**self.settings, **settings}, *arguments)

    def scorer_of(self, user: str) -> Service:
        """Start a scorer as this user."""
        return self.start("scorer", login(self.cluster, user))

    def make_topics_as_administrator(self) -> "Place":
        """Create the topics as an administrator."""
        self.make_topics(dict.fromkeys(self.topics, self.partitions))
        return self
