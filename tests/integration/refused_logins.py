"""Clients that a Kafka with authentication refuses, and the words that each must log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.broker.secured import Secured
from tests.integration.logins import certificate_login, login
from tests.integration.secrets import WRONG
from tests.integration.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A client that is refused. With `waits` it reports possible causes and retries; else it ends."""

    words: str
    listener: str = "SCRAM"
    host: str = "127.0.0.1"
    user: str = "newcomer"
    mechanism: str = "SCRAM-SHA-256"
    certificate: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False

    def start(self, cluster: Secured, folder: Path) -> Service:
        """Run `fraudstream topics`, the lightest of all Kafka clients here."""
        settings = (
            login(cluster, self.user, self.mechanism)
            if self.certificate is None
            else certificate_login(cluster, self.certificate)
        )
        address = cluster.bootstrap if self.listener == "PLAINTEXT" else cluster.address(self.listener, self.host)
        more = {name: value.format(folder=cluster.folder) for name, value in self.settings.items()}
        return Service(folder, "cli", settings | {"KAFKA_BOOTSTRAP_SERVERS": address} | more, "topics")


NO_LOGIN = {"KAFKA_SASL_MECHANISM": "", "KAFKA_SASL_USERNAME": "", "KAFKA_SASL_PASSWORD": ""}
WITHOUT_TLS = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SSL_CAFILE": ""}
OPEN = NO_LOGIN | {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT", "KAFKA_SSL_CAFILE": ""}
CASES = {
    "wrong password": Case(
        settings={"KAFKA_SASL_PASSWORD": WRONG},
        words="refuses user 'newcomer': wrong KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD",
    ),
    "wrong password by PLAIN": Case(
        listener="PASSWORD",
        mechanism="PLAIN",
        settings=WITHOUT_TLS | {"KAFKA_SASL_PASSWORD": WRONG},
        words="refuses user 'newcomer': wrong KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD",
    ),
    "unknown user": Case(user="nobody", words="refuses user 'nobody'"),
    "mechanism not enabled": Case(mechanism="PLAIN", words="has not enabled KAFKA_SASL_MECHANISM=PLAIN"),
    "no users on that port": Case(
        listener="MUTUAL",
        settings={"KAFKA_SSL_CERTFILE": "{folder}/client.pem", "KAFKA_SSL_KEYFILE": "{folder}/client.key"},
        words="does not use SASL on this port: set KAFKA_SECURITY_PROTOCOL=SSL",
    ),
    "broker certificate expired": Case(listener="EXPIRED", words="has expired: the broker needs a new one"),
    "broker certificate of another host": Case(listener="ELSEWHERE", words="is for another host name: use a name"),
    "broker certificate of another host, accepted by setting": Case(
        listener="ELSEWHERE", settings={"KAFKA_SSL_CHECK_HOSTNAME": "false"}, words="lacks Describe and Create on topic"
    ),
    "the host that it advertises is another": Case(
        listener="ELSEWHERE", host="localhost", words="is for another host name: use a name"
    ),
    "unknown authority": Case(
        settings={"KAFKA_SSL_CAFILE": "{folder}/stranger.pem"},
        words="signed by an unknown authority: set KAFKA_SSL_CAFILE",
    ),
    "authorities of the system": Case(
        settings={"KAFKA_SSL_CAFILE": ""}, words="signed by an unknown authority: set KAFKA_SSL_CAFILE"
    ),
    "no client certificate": Case(
        listener="MUTUAL", certificate="", words="requires a client certificate: set KAFKA_SSL_CERTFILE"
    ),
    "client certificate expired": Case(
        listener="MUTUAL", certificate="client-expired", words="refuses the certificate in KAFKA_SSL_CERTFILE"
    ),
    "client certificate untrusted": Case(
        listener="MUTUAL", certificate="client-untrusted", words="refuses the certificate in KAFKA_SSL_CERTFILE"
    ),
    "no TLS to a TLS port": Case(settings=OPEN, words="requires TLS: set KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL"),
    "login without TLS to a TLS port": Case(
        settings=WITHOUT_TLS, words="requires TLS: set KAFKA_SECURITY_PROTOCOL=SASL_SSL"
    ),
    "TLS to a port without": Case(
        listener="PLAINTEXT", words="does not answer with TLS: use another port, or", waits=True
    ),
    "no login to a port that wants one": Case(
        settings=NO_LOGIN | {"KAFKA_SECURITY_PROTOCOL": "SSL"},
        words="may require SASL: set KAFKA_SECURITY_PROTOCOL=SASL_SSL",
        waits=True,
    ),
    "password file missing": Case(
        settings={"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": "{folder}/missing"},
        words="KAFKA_SASL_PASSWORD_FILE: ",
    ),
    "no right to describe or create a topic": Case(
        words="User:newcomer lacks Describe and Create on topic test-payments, Describe and Create on topic scored-pay"
    ),
    "no right, by PLAIN, everything logged": Case(
        listener="PASSWORD",
        user="plain",
        mechanism="PLAIN",
        settings=WITHOUT_TLS | {"LOG_LEVEL": "debug"},
        words="User:plain lacks Describe and Create on topic test-payments",
    ),
    "no right, by certificate": Case(
        listener="MUTUAL", certificate="client", words="lacks Describe and Create on topic test-payments"
    ),
}
