"""Messages for a refused connection and a missing right, and the lifetime of a refusal."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiokafka import errors
from aiokafka.protocol.admin import SaslAuthenticateRequest_v0
from tests.clock import Clock

from fraudstream.errors import AccessRefusedError, KafkaSetupError
from fraudstream.kafka.attempts import Attempts
from fraudstream.kafka.refusals import Client, refusal
from fraudstream.kafka.rights import Rights
from fraudstream.runtime import logs
from fraudstream.runtime.settings import KafkaSettings, LogSettings

CLIENT = Client(address="k:9093", protocol="SASL_SSL", mechanism="SCRAM-SHA-512", user="alice")
PLAIN = Client(address="k:9092", protocol="PLAINTEXT", mechanism="PLAIN", user="")
ALICE = KafkaSettings.from_env(
    {
        "KAFKA_BOOTSTRAP_SERVERS": "k:9093",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_SASL_USERNAME": "alice",
        "KAFKA_SASL_PASSWORD": "a secret",
    }
)


def failed(words: str) -> ssl.SSLError:
    """Return OpenSSL's error for an alert or a failed handshake."""
    error = ssl.SSLError(1, words)
    error.reason = words.upper()
    return error


def unverified(code: int) -> ssl.SSLCertVerificationError:
    """Return OpenSSL's error for a certificate that it rejects."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "for some reason"
    return error


def closed(cause: BaseException) -> errors.KafkaConnectionError:
    """Return aiokafka's error for an alert or an end in the middle of an answer."""
    error = errors.KafkaConnectionError("Connection at k:9093 closed")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "client", "words", "is_final"),
    [
        (errors.SaslAuthenticationFailed("no"), CLIENT, "refuses user 'alice': wrong KAFKA_SASL_USERNAME or", True),
        (errors.UnsupportedSaslMechanismError(), CLIENT, "not enabled KAFKA_SASL_MECHANISM=SCRAM-SHA-512", True),
        (
            errors.IllegalSaslStateError(),
            CLIENT,
            "does not use SASL on this port: set KAFKA_SECURITY_PROTOCOL=SSL",
            True,
        ),
        (unverified(10), CLIENT, "has expired: the broker needs a new one", True),
        (unverified(9), CLIENT, "is not valid yet", True),
        (unverified(62), CLIENT, "is for another host name: use a name that it has in KAFKA_BOOTSTRAP_SERVERS", True),
        (unverified(64), CLIENT, "is for another host name", True),
        (unverified(20), CLIENT, "is signed by an unknown authority: set KAFKA_SSL_CAFILE", True),
        (unverified(99), CLIENT, "can't be trusted: for some reason", True),
        (closed(failed("sslv3 alert bad certificate")), CLIENT, "requires a client certificate", True),
        (closed(failed("tlsv13 alert certificate required")), CLIENT, "requires a client certificate", True),
        (closed(failed("sslv3 alert certificate unknown")), CLIENT, "refuses the certificate in", True),
        (closed(failed("tlsv1 alert unknown ca")), CLIENT, "refuses the certificate in", True),
        (failed("wrong version number"), CLIENT, "does not answer with TLS", True),
        (failed("no protocols available"), CLIENT, "TLS with Kafka at k:9093 fails", False),
        (ConnectionResetError(), CLIENT, "does not answer with TLS: use another port, or", False),
        (
            closed(asyncio.IncompleteReadError(b"abc", 0x15030300)),
            PLAIN,
            "requires TLS: set KAFKA_SECURITY_PROTOCOL=SSL",
            True,
        ),
    ],
)
def test_each_refusal_has_its_message(error: Exception, client: Client, words: str, is_final: bool) -> None:
    """The message names the broker, and the setting or the broker's requirement."""
    found = refusal(error, client)
    assert found is not None
    assert client.address in found.message
    assert words in found.message
    assert found.is_final is is_final


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        errors.KafkaConnectionError("closed"),
        closed(asyncio.IncompleteReadError(b"", 4)),
        ConnectionResetError(),
    ],
)
def test_an_unavailable_broker_is_not_a_refusal(error: Exception) -> None:
    """An unavailable broker is waited for."""
    assert refusal(error, PLAIN) is None


def tried(attempts: Attempts, outcome: Exception | None) -> None:
    """Attempt to connect, with this outcome."""

    async def connect(_: str, __: int, **___: Any) -> str:
        if outcome:
            raise outcome
        return "connected"

    options = {"security_protocol": "SSL", "sasl_mechanism": "PLAIN", "sasl_plain_username": None}

    async def attempt() -> Any:
        return await attempts.noting(connect)("k", 9093, **options)

    if outcome is None:
        assert asyncio.run(attempt()) == "connected"
        return
    with pytest.raises((OSError, errors.KafkaError)):
        asyncio.run(attempt())


def test_a_refusal_lasts_until_a_connection_succeeds() -> None:
    """A refusal is raised until a connection succeeds, or until no more attempts are made."""
    clock = Clock()
    attempts = Attempts(clock)
    attempts.check()
    tried(attempts, unverified(10))
    with pytest.raises(KafkaSetupError, match="k:9093 has expired"):
        attempts.check()
    tried(attempts, None)
    attempts.check()
    tried(attempts, unverified(10))
    clock.now_s = 31.0
    attempts.check()


def test_a_login_that_the_broker_breaks_off_is_a_refused_one() -> None:
    """The client lets a ValueError through, which would end as a traceback."""
    attempts = Attempts(Clock())
    tried(attempts, ValueError("Server sent wrong signature!"))
    assert "refuses user" in (attempts.final_refusal() or "")


def test_a_guess_is_made_after_waiting() -> None:
    """A guess ends nothing."""
    attempts = Attempts(Clock())
    assert attempts.guess() is None
    tried(attempts, None)
    assert "may require SASL: set KAFKA_SECURITY_PROTOCOL=SASL_SSL" in (attempts.guess() or "")
    tried(attempts, ConnectionResetError())
    assert "does not answer with TLS" in (attempts.guess() or "")
    assert attempts.final_refusal() is None


RIGHTS = Rights(
    kafka=ALICE,
    topics={"scored": ("Write",), "dlq": ("Write",)},
    group="scorers",
    transactional_ids="scorers-in-",
)


@pytest.mark.parametrize(
    ("error", "what", "grant"),
    [
        (errors.TopicAuthorizationFailedError("dlq"), "Write on topic dlq;", "--operation Write --topic dlq"),
        (
            errors.TopicAuthorizationFailedError({"scored"}),
            "Write on topic scored;",
            "--operation Write --topic scored",
        ),
        (errors.TopicAuthorizationFailedError("other"), "Read on topic other;", "--operation Read --topic other"),
        (errors.TopicAuthorizationFailedError(), "Write on topic scored, Write on topic dlq;", "--topic dlq"),
        (
            errors.ClusterAuthorizationFailedError(),
            "Write on topic scored, Write on topic dlq;",
            "(brokers before 2.8 also need: --operation IdempotentWrite --cluster)",
        ),
        (errors.GroupAuthorizationFailedError("scorers"), "Read on group scorers;", "--operation Read --group scorers"),
        (
            errors.TransactionalIdAuthorizationFailed("scorers-in-3"),
            "Write on transactional ids that begin with scorers-in-;",
            "--operation Write --transactional-id scorers-in- --resource-pattern-type prefixed",
        ),
    ],
)
def test_a_missing_right_has_the_command_that_grants_it(error: errors.KafkaError, what: str, grant: str) -> None:
    """The message names the user, the resource and the command that grants the right."""
    with pytest.raises(AccessRefusedError) as raised, RIGHTS.needed():
        raise error
    words = str(raised.value)
    assert words.startswith(f"User:alice lacks {what} grant it: kafka-acls --bootstrap-server k:9093 --add ")
    assert "--allow-principal User:alice " in words
    assert words.endswith(grant)


def test_an_audit_needs_describe_on_the_group() -> None:
    """An audit is not a member of the group."""
    words = Rights(kafka=ALICE).missing(errors.GroupAuthorizationFailedError("scorers"))
    assert "--operation Describe --group scorers" in words


def test_the_client_s_own_log_has_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At level debug, requests are logged, except those of a login."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    client = logging.getLogger("aiokafka")
    silent = client.level
    client.setLevel(logging.NOTSET)
    try:
        logs.configure(LogSettings.from_env({"LOG_LEVEL": "debug"}), "test")
        log = logging.getLogger("aiokafka.conn")
        log.debug("Request to %s:%d %d: %s", "k", 9093, 1, SaslAuthenticateRequest_v0(b"\0alice\0a secret"))
        log.debug("Request to %s:%d %d: %s", "k", 9093, 2, tmp_path)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        client.setLevel(silent)
    output = capsys.readouterr().out
    assert "secret" not in output
    assert str(tmp_path) in output
