"""Security settings of the Kafka client: valid combinations, secrets from files, and no secret ever shown."""

import ssl
from pathlib import Path

import pytest
from tests.integration.broker.certificates import Authority, Certificate

from fraudstream.errors import SettingsError
from fraudstream.kafka.connection import client_options
from fraudstream.kafka.tls import tls_context
from fraudstream.runtime.settings import KafkaSettings, TopicSettings

PASSWORD = "correct horse"  # noqa: S105 - not a real one
SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "alice",
    "KAFKA_SASL_PASSWORD": PASSWORD,
}
TLS = {"KAFKA_SECURITY_PROTOCOL": "SSL"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Provide a certificate authority for the test's certificates."""
    return Authority(tmp_path, "authority")


def shown(authority: Authority, certificate: Path, key: Path, password: str = "") -> KafkaSettings:
    """Return settings with this client certificate."""
    return KafkaSettings.from_env(
        TLS
        | {
            "KAFKA_SSL_CAFILE": str(authority.file),
            "KAFKA_SSL_CERTFILE": str(certificate),
            "KAFKA_SSL_KEYFILE": str(key),
            "KAFKA_SSL_KEY_PASSWORD": password,
        }
    )


def test_no_settings_are_a_broker_without_security() -> None:
    """By default there is no security."""
    options = client_options(KafkaSettings.from_env({}))
    assert options["security_protocol"] == "PLAINTEXT"
    assert options["ssl_context"] is None
    assert not any(name.startswith("sasl") for name in options)


@pytest.mark.parametrize(
    ("env", "variable"),
    [
        (SASL | {"KAFKA_SASL_MECHANISM": ""}, "KAFKA_SASL_MECHANISM"),
        (SASL | {"KAFKA_SASL_USERNAME": ""}, "KAFKA_SASL_USERNAME"),
        (SASL | {"KAFKA_SASL_PASSWORD": ""}, "KAFKA_SASL_PASSWORD"),
        (SASL | {"KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM"),
        (SASL | {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}, "KAFKA_SASL_MECHANISM"),
        (SASL | {"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL"),
        ({"KAFKA_SASL_PASSWORD": PASSWORD}, "KAFKA_SASL_PASSWORD"),
        ({"KAFKA_SSL_CAFILE": "ca.pem"}, "KAFKA_SSL_CAFILE"),
        ({"KAFKA_SSL_CERTFILE": "client.pem"}, "KAFKA_SSL_CERTFILE"),
        (TLS | {"KAFKA_SSL_KEYFILE": "client.key"}, "KAFKA_SSL_KEYFILE"),
        (TLS | {"KAFKA_SSL_KEY_PASSWORD": PASSWORD}, "KAFKA_SSL_KEY_PASSWORD"),
        (TLS | {"KAFKA_SSL_CHECK_HOSTNAME": "perhaps"}, "KAFKA_SSL_CHECK_HOSTNAME"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "SASL_SSL://broker:9093"}, "KAFKA_BOOTSTRAP_SERVERS"),
        ({"KAFKA_BOOTSTRAP_SERVERS": "broker:kafka"}, "KAFKA_BOOTSTRAP_SERVERS"),
    ],
)
def test_contradictory_settings_are_named(env: dict[str, str], variable: str) -> None:
    """The error is one line that begins with the variable and has no secret."""
    with pytest.raises(SettingsError, match=rf"^{variable}: ") as error:
        KafkaSettings.from_env(env)
    assert PASSWORD not in str(error.value)


@pytest.mark.parametrize("servers", ["kafka", "kafka:9092", "a:1, b:2 ,c", "[::1]:9092", "10.0.0.1:9092"])
def test_addresses_of_all_kinds(servers: str) -> None:
    """Names and numbers, with and without a port, one or several, are valid."""
    assert KafkaSettings.from_env({"KAFKA_BOOTSTRAP_SERVERS": servers}).bootstrap_servers == servers


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_from_a_file(tmp_path: Path, end: str) -> None:
    """A line end, as an editor leaves, is removed, and nothing else."""
    file = tmp_path / "password"
    file.write_text(f" {PASSWORD} {end}", newline="", encoding="utf-8")
    env = SASL | {"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": str(file)}
    assert KafkaSettings.from_env(env).sasl_password.get_secret_value() == f" {PASSWORD} "


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_an_invalid_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or non-text file is an error that names the variable and the file."""
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    env = SASL | {"KAFKA_SASL_PASSWORD": "", "KAFKA_SASL_PASSWORD_FILE": str(file)}
    with pytest.raises(SettingsError, match=rf"^KAFKA_SASL_PASSWORD_FILE: {file} "):
        KafkaSettings.from_env(env)


def test_a_password_given_twice_is_an_error() -> None:
    """The two values could differ."""
    with pytest.raises(SettingsError, match="KAFKA_SASL_PASSWORD_FILE"):
        KafkaSettings.from_env(SASL | {"KAFKA_SASL_PASSWORD_FILE": "secrets/password"})


def test_no_secret_is_shown() -> None:
    """No representation of the settings has a secret."""
    settings = KafkaSettings.from_env(SASL)
    for text in (repr(settings), str(settings), settings.model_dump_json(), f"{settings!r}"):
        assert PASSWORD not in text
        assert "alice" in text


def test_the_context_uses_the_settings(authority: Authority) -> None:
    """One context for the whole process checks certificates and, by default, host names."""
    client = authority.issue("client", password=PASSWORD)
    settings = shown(authority, client.certificate, client.key, PASSWORD)
    context = tls_context(settings)
    assert context is not None
    assert context is client_options(settings)["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    unchecked = tls_context(settings.model_copy(update={"ssl_check_hostname": False}))
    assert unchecked is not None
    assert (unchecked.verify_mode, unchecked.check_hostname) == (ssl.CERT_REQUIRED, False)


def test_a_key_in_the_certificate_s_file(authority: Authority) -> None:
    """One file may hold both."""
    settings = TLS | {"KAFKA_SSL_CERTFILE": str(authority.issue("client").both)}
    assert tls_context(KafkaSettings.from_env(settings)) is not None


def test_invalid_files_are_named(authority: Authority, tmp_path: Path) -> None:
    """The error names the variable: unreadable, not PEM, of another pair, encrypted."""
    client, other = authority.issue("client"), authority.issue("other")
    locked, missing = authority.issue("locked", password=PASSWORD), tmp_path / "missing"
    broken = Certificate(tmp_path, "broken")
    broken.certificate.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", encoding="ascii")
    for settings, expected in (
        (shown(authority, missing, client.key), "KAFKA_SSL_CERTFILE: .*can't be read: No such file"),
        (shown(authority, client.certificate, missing), "KAFKA_SSL_KEYFILE: .*can't be read: No such file"),
        (shown(authority, client.key, client.key), "KAFKA_SSL_CERTFILE: .*no certificate"),
        (shown(authority, broken.certificate, client.key), "KAFKA_SSL_KEYFILE: .*damaged"),
        (shown(authority, client.certificate, client.certificate), "KAFKA_SSL_KEYFILE: .*no private key"),
        (shown(authority, client.certificate, other.key), "KAFKA_SSL_KEYFILE: .*does not match the certificate"),
        (shown(authority, locked.certificate, locked.key), "KAFKA_SSL_KEY_PASSWORD: is required"),
        (shown(authority, locked.certificate, locked.key, "wrong"), "KAFKA_SSL_KEY_PASSWORD: is wrong"),
        (KafkaSettings.from_env(TLS | {"KAFKA_SSL_CAFILE": str(client.key)}), "KAFKA_SSL_CAFILE: .*no certificates"),
        (KafkaSettings.from_env(TLS | {"KAFKA_SSL_CAFILE": str(missing)}), "KAFKA_SSL_CAFILE: .*can't be read"),
    ):
        with pytest.raises(SettingsError, match=f"^{expected}") as error:
            tls_context(settings)
        assert PASSWORD not in str(error.value)


@pytest.mark.parametrize(
    ("hours", "is_accepted"),
    [
        ("-1", True),
        ("168", True),
        ("10000000", True),
        ("167", False),
        ("0", False),
        ("-2", False),
        ("10000000000000", False),
        ("1e3", False),
        ("nan", False),
    ],
)
def test_dead_letters_are_kept_as_long_as_their_messages(hours: str, *, is_accepted: bool) -> None:
    """Otherwise verify would miss letters of messages that are still retained."""
    if is_accepted:
        assert TopicSettings.from_env({"DLQ_RETENTION_HOURS": hours}).dlq_retention_hours == int(hours)
        return
    with pytest.raises(SettingsError, match="DLQ_RETENTION_HOURS"):
        TopicSettings.from_env({"DLQ_RETENTION_HOURS": hours})


def test_how_long_dead_letters_are_kept() -> None:
    """For 90 days, or as long as payments: their values may be secret."""
    topics = TopicSettings.from_env({"TOPIC_RETENTION_HOURS": "24"})
    assert topics.dlq_retention(has_secrets=False) == 2_160
    assert topics.dlq_retention(has_secrets=True) == 24
    assert TopicSettings.from_env({"DLQ_RETENTION_HOURS": "-1"}).dlq_retention(has_secrets=True) == -1
    assert TopicSettings.from_env({"TOPIC_RETENTION_HOURS": "9000"}).dlq_retention(has_secrets=False) == 9_000
