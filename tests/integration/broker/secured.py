"""A broker with TLS, passwords and rights: each kind of listener once, misconfigured ones too."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.integration.broker.certificates import Authority
from tests.integration.broker.cluster import Cluster
from tests.integration.broker.kraft import LISTENER as CONTROLLER
from tests.integration.broker.line import Line, kafka_line
from tests.integration.broker.ports import Port

_TIMEOUT_S = 60
T = TypeVar("T")
_AUTHORIZER = {
    Line.ZOOKEEPER: "kafka.security.authorizer.AclAuthorizer",
    Line.KRAFT: "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
}
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_LISTENERS = {
    "SCRAM": "SASL_SSL",
    "PASSWORD": "SASL_PLAINTEXT",
    "MUTUAL": "SSL",
    "EXPIRED": "SASL_SSL",
    "ELSEWHERE": "SASL_SSL",
}
MECHANISMS = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """An operation on a resource, as kafka-acls names them; `prefixed` names the beginning of the resource's name."""

    operation: str
    resource: str
    name: str
    prefixed: bool = False


class Secured:
    """Addresses, files, users and rights of a secured cluster; its plain listener is for administration."""

    def __init__(
        self, cluster: Cluster, host: str, ports: Mapping[str, int], folder: Path, authority: Authority
    ) -> None:
        self.bootstrap = cluster.bootstrap
        self._host = host
        self.broker = cluster.broker
        self.folder = folder
        self.authority = authority
        self._ports = ports
        self._admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})

    def address(self, listener: str, host: str = "") -> str:
        """Return a listener's address, with another host name if given; the broker itself advertises its own one."""
        return f"{host or self._host}:{self._ports[listener]}"

    def add_user(self, name: str, password: str) -> None:
        """Create a SCRAM user with this password."""
        for mechanism in MECHANISMS.values():  # one by one: in KRaft mode a request may name a user once
            credential = UserScramCredentialUpsertion(name, ScramCredentialInfo(mechanism, 4_096), password.encode())
            for done in self._admin.alter_user_scram_credentials([credential]).values():
                done.result(_TIMEOUT_S)

    def grant(self, principal: str, *rights: Right) -> None:
        """Grant this principal these rights."""
        for done in self._admin.create_acls([_binding(principal, right, AclBinding) for right in rights]).values():
            done.result(_TIMEOUT_S)

    def revoke(self, principal: str, right: Right) -> None:
        """Revoke one right of this principal."""
        for done in self._admin.delete_acls([_binding(principal, right, AclBindingFilter)]).values():
            done.result(_TIMEOUT_S)


@contextmanager
def secured_cluster(plain_users: Mapping[str, str], host: str = "127.0.0.1") -> Iterator[Secured]:
    """Start a secured cluster; `plain_users` are those of the listener PASSWORD, with their passwords.

    `host` is the address of this machine for all listeners but the plain one.
    """
    ports = {name: Port.reserve() for name in _LISTENERS}
    numbers = {name: port.number for name, port in ports.items()}
    with tempfile.TemporaryDirectory(prefix="fraudstream-secured-") as folder:
        authority = Authority(Path(folder), "authority")
        properties = _properties(authority, plain_users, host)
        try:
            with Cluster(properties=properties, listeners=numbers, host=host) as cluster:
                yield Secured(cluster, host, numbers, Path(folder), authority)
        finally:
            for port in ports.values():
                port.release()


def _properties(authority: Authority, plain_users: Mapping[str, str], host: str) -> dict[str, str]:
    stores = {
        "scram": authority.issue("broker", hosts=(host,)),
        "mutual": authority.issue("broker-mutual"),
        "expired": authority.issue("broker-expired", expired=True),
        "elsewhere": authority.issue("broker-elsewhere", hosts=("localhost",)),
    }
    plain = dict.fromkeys(("PLAINTEXT", CONTROLLER), "PLAINTEXT")
    protocols = ",".join(f"{name}:{protocol}" for name, protocol in {**plain, **_LISTENERS}.items())
    users = " ".join(f'user_{name}="{password}"' for name, password in plain_users.items())
    properties = {
        "listener.security.protocol.map": protocols,
        "inter.broker.listener.name": "PLAINTEXT",
        "authorizer.class.name": _AUTHORIZER[kafka_line()],
        "super.users": "User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.password.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.password.plain.sasl.jaas.config": f"{_PLAIN} {users};",
    }
    for name, store in stores.items():
        properties[f"listener.name.{name}.ssl.keystore.location"] = str(store.both)
    for name in ("scram", "expired", "elsewhere"):
        properties[f"listener.name.{name}.sasl.enabled.mechanisms"] = ",".join(MECHANISMS)
        for mechanism in MECHANISMS:
            properties[f"listener.name.{name}.{mechanism.lower()}.sasl.jaas.config"] = _SCRAM
    return properties


def _binding(principal: str, right: Right, make: Callable[..., T]) -> T:
    pattern = ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL
    kind = {
        "topic": ResourceType.TOPIC,
        "group": ResourceType.GROUP,
        "transactional-id": ResourceType.TRANSACTIONAL_ID,
        "cluster": ResourceType.BROKER,
    }[right.resource]
    operation = AclOperation[right.operation.upper()]
    return make(kind, right.name, pattern, f"User:{principal}", "*", operation, AclPermissionType.ALLOW)
