"""Frozen settings from environment variables, one class per subject. Read once, by the composition roots."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from fraudstream.runtime.addresses import Address, Host, HostNames, addresses, host_names
from fraudstream.runtime.currency import CurrencySettings
from fraudstream.runtime.environment import Settings
from fraudstream.runtime.heartbeat import DEFAULT_FILE

_SHA256 = "[0-9a-f]{64}"
_NAME = "[A-Za-z0-9._-]{1,249}"


def _check_name(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        raise ValueError("must be 1 to 249 of the characters A-Z, a-z, 0-9, '.', '_' and '-'")
    return text


Name = Annotated[str, AfterValidator(_check_name)]


class KafkaSettings(Settings):
    """Addresses of the brokers, encryption and authentication."""

    bootstrap_servers: str = Field("localhost:29092", alias="KAFKA_BOOTSTRAP_SERVERS")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", alias="KAFKA_SECURITY_PROTOCOL"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, alias="KAFKA_SASL_MECHANISM"
    )
    sasl_username: str = Field("", alias="KAFKA_SASL_USERNAME")
    sasl_password: SecretStr = Field(SecretStr(""), alias="KAFKA_SASL_PASSWORD")
    ssl_cafile: Path | None = Field(None, alias="KAFKA_SSL_CAFILE")
    ssl_certfile: Path | None = Field(None, alias="KAFKA_SSL_CERTFILE")
    ssl_keyfile: Path | None = Field(None, alias="KAFKA_SSL_KEYFILE")
    ssl_key_password: SecretStr = Field(SecretStr(""), alias="KAFKA_SSL_KEY_PASSWORD")
    ssl_check_hostname: bool = Field(default=True, alias="KAFKA_SSL_CHECK_HOSTNAME")

    @property
    def uses_sasl(self) -> bool:
        """Whether the client authenticates with name and password."""
        return self.security_protocol.startswith("SASL_")

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")

    @field_validator("bootstrap_servers")
    @classmethod
    def _check_addresses(cls, text: str) -> str:
        if not addresses(text, needs_port=False):
            raise ValueError("is blank: set host:port, or several of these separated by commas")
        return text

    @model_validator(mode="after")
    def _check_security(self) -> Self:
        sasl = {
            "KAFKA_SASL_MECHANISM": self.sasl_mechanism,
            "KAFKA_SASL_USERNAME": self.sasl_username,
            "KAFKA_SASL_PASSWORD": self.sasl_password.get_secret_value(),
        }
        for name, value in sasl.items():
            if self.uses_sasl and not value:
                raise ValueError(f"{name}: KAFKA_SECURITY_PROTOCOL={self.security_protocol} needs it")
            if value and not self.uses_sasl:
                raise ValueError(f"{name}: only for KAFKA_SECURITY_PROTOCOL=SASL_SSL or SASL_PLAINTEXT")
        tls: dict[str, Path | str | None] = {
            "KAFKA_SSL_CAFILE": self.ssl_cafile,
            "KAFKA_SSL_CERTFILE": self.ssl_certfile,
            "KAFKA_SSL_KEYFILE": self.ssl_keyfile,
            "KAFKA_SSL_KEY_PASSWORD": self.ssl_key_password.get_secret_value(),
        }
        for name, given in tls.items():
            if given and not self.uses_tls:
                raise ValueError(f"{name}: only for KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL")
        for name in ("KAFKA_SSL_KEYFILE", "KAFKA_SSL_KEY_PASSWORD"):
            if tls[name] and not self.ssl_certfile:
                raise ValueError(f"{name}: has no effect without KAFKA_SSL_CERTFILE")
        return self


_LONGEST_RETENTION_HOURS = 10_000_000
"""A thousand years; Kafka counts milliseconds in 64 bits."""


class SchemaSettings(Settings):
    """The file that declares the fields of a payment."""

    file: Path | None = Field(None, alias="PAYMENT_SCHEMA")


class SecretsSettings(Settings):
    """The key of the tokens that outputs have in place of secret values."""

    key: SecretStr = Field(SecretStr(""), alias="SECRETS_KEY")


_DLQ_RETENTION_HOURS = 90 * 24


class TopicSettings(Settings):
    """The three topics and their configuration."""

    input: Name = Field("test-payments", alias="INPUT_TOPIC")
    scored: Name = Field("scored-payments", alias="SCORED_TOPIC")
    dlq: Name = Field("payments-dlq", alias="DLQ_TOPIC")
    partitions: int = Field(6, alias="TOPIC_PARTITIONS", ge=1, le=10_000)
    replication_factor: int = Field(1, alias="TOPIC_REPLICATION_FACTOR", ge=1, le=100)
    retention_hours: int = Field(168, alias="TOPIC_RETENTION_HOURS", ge=1, le=_LONGEST_RETENTION_HOURS)
    dlq_retention_hours: int | None = Field(None, alias="DLQ_RETENTION_HOURS", ge=-1, le=_LONGEST_RETENTION_HOURS)
    """-1: unlimited; None: see `dlq_retention`."""

    @model_validator(mode="after")
    def _check_distinct(self) -> Self:
        if self.input in {self.scored, self.dlq} or self.scored == self.dlq:
            raise ValueError("INPUT_TOPIC, SCORED_TOPIC and DLQ_TOPIC must be three different topics")
        return self

    @model_validator(mode="after")
    def _check_retention(self) -> Self:
        # verify would not find the dead letters of retained messages
        if self.dlq_retention_hours is not None and 0 <= self.dlq_retention_hours < self.retention_hours:
            raise ValueError("DLQ_RETENTION_HOURS: at least TOPIC_RETENTION_HOURS, or -1 for unlimited retention")
        return self

    def dlq_retention(self, *, has_secrets: bool) -> int:
        """Return the hours for which dead letters are kept, by default for 90 days; -1: unlimited.

        Dead letters have the values of secret fields: with these, they are kept no longer than payments by default.
        """
        if self.dlq_retention_hours is not None:
            return self.dlq_retention_hours
        return self.retention_hours if has_secrets else max(self.retention_hours, _DLQ_RETENTION_HOURS)


class GroupSettings(Settings):
    """The scorers' consumer group and its processing guarantee."""

    group: Name = Field("fraud_group", alias="CONSUMER_GROUP")
    auto_offset_reset: Literal["latest", "earliest"] = Field("latest", alias="AUTO_OFFSET_RESET")
    guarantee: Literal["exactly_once", "at_least_once"] = Field("exactly_once", alias="PROCESSING_GUARANTEE")
    stall_timeout_s: float = Field(120.0, alias="STALL_TIMEOUT_S", ge=5, le=86_400)
    max_records: int = Field(5_000, alias="MAX_BATCH_RECORDS", ge=1, le=100_000)


class ModelSettings(Settings):
    """Folder of the models, thresholds that replace their decision rules, and pins."""

    models_dir: Path = Field(Path("models"), alias="MODELS_DIR")
    review_threshold: float | None = Field(None, alias="REVIEW_THRESHOLD", gt=0, lt=1)
    block_threshold: float | None = Field(None, alias="BLOCK_THRESHOLD", gt=0, lt=1)
    pins: str = Field("", alias="MODEL_SHA256")

    @property
    def pinned(self) -> frozenset[str]:
        """Accepted content SHA-256s; empty: any."""
        return frozenset(pin.strip() for pin in self.pins.split(",") if pin.strip())

    @field_validator("pins")
    @classmethod
    def _check_pins(cls, text: str) -> str:
        if text.strip() and not all(re.fullmatch(_SHA256, pin.strip()) for pin in text.split(",")):
            raise ValueError(
                "must be the content_sha256 of a model, 64 characters of 0-9 and a-f as `fraudstream model show` "
                "prints it, or several of these separated by commas"
            )
        return text


class CsvSettings(Settings):
    """The CSV file of scored payments."""

    path: Path = Field(Path("outputs/fraud_scores_stream.csv"), alias="CSV_PATH")
    rotate_bytes: int | None = Field(None, alias="CSV_ROTATE_BYTES", ge=1_000)


class ArchiveSettings(Settings):
    """The archiver's database and its retention."""

    url: SecretStr = Field(SecretStr(""), alias="DATABASE_URL")
    retention_days: float | None = Field(None, alias="ARCHIVE_RETENTION_DAYS", gt=0, le=36_500)
    max_records: int = Field(10_000, alias="ARCHIVE_BATCH_RECORDS", ge=1, le=100_000)

    @property
    def database_url(self) -> str:
        """The URL, which may contain a password; by default a file in `outputs/`."""
        return self.url.get_secret_value() or "sqlite:///outputs/payments.db"


class GeneratorSettings(Settings):
    """Payments that the producer sends, and their rate."""

    interval_s: float | None = Field(None, alias="PAYMENT_INTERVAL_S", gt=0, le=86_400)
    per_second: float | None = Field(None, alias="PAYMENTS_PER_SECOND", gt=0, le=10_000_000)
    limit: int | None = Field(None, alias="PAYMENT_LIMIT", ge=1)
    file: Path | None = Field(None, alias="PAYMENTS_FILE")
    history: Path = Field(Path("data/historical_payments.csv"), alias="TRAINING_DATA")
    """Repeated for a payment schema that is not the simulated one."""
    malformed_rate: float = Field(0.0, alias="MALFORMED_RATE", ge=0, le=1)
    seed: int | None = Field(None, alias="SIMULATION_SEED", ge=0)

    @model_validator(mode="after")
    def _check_rate(self) -> Self:
        if self.interval_s is not None and self.per_second is not None:
            raise ValueError("PAYMENT_INTERVAL_S and PAYMENTS_PER_SECOND are mutually exclusive: set only one")
        return self

    @property
    def rate_per_s(self) -> float:
        """Payments per second; by default one every 3 s."""
        return self.per_second if self.per_second is not None else 1.0 / (self.interval_s or 3.0)


class TrainingSettings(CurrencySettings):
    """Training data, what decisions cost, and the currency, which only the report shows."""

    data: Path = Field(Path("data/historical_payments.csv"), alias="TRAINING_DATA")
    max_rejected_rows: int = Field(0, alias="MAX_REJECTED_ROWS", ge=0)
    seed: int = Field(0, alias="TRAINING_SEED", ge=0, lt=2**32)
    cost_of_review: float = Field(5.0, alias="COST_OF_REVIEW", gt=0, le=1e12)
    cost_of_wrong_block: float = Field(25.0, alias="COST_OF_WRONG_BLOCK", gt=0, le=1e12)
    cost_of_fraud: float = Field(15.0, alias="COST_OF_FRAUD", ge=0, le=1e12)
    """Cost of an approved fraud besides its amount."""
    min_block_probability: float = Field(0.5, alias="MIN_BLOCK_PROBABILITY", ge=0, le=1)
    review_capacity: float | None = Field(None, alias="REVIEW_CAPACITY", gt=0, lt=1)
    """Share of payments that reviewers can check."""


class LogSettings(Settings):
    """Format, colours, level and content of the logs."""

    format: Literal["console", "json"] = Field("console", alias="LOG_FORMAT")
    colors: Literal["auto", "always", "never"] = Field("auto", alias="LOG_COLORS")
    no_color: str = Field("", alias="NO_COLOR")
    """Any text: no colours, by the convention of no-color.org."""
    level: Literal["debug", "info", "warning", "error"] = Field("info", alias="LOG_LEVEL")
    payments: bool = Field(default=True, alias="LOG_PAYMENTS")
    """Whether ids and values of payments may be logged."""

    def uses_colors(self, *, is_terminal: bool) -> bool:
        """Return whether lines for people are coloured, where they are written to a terminal or not."""
        return not self.no_color and (self.colors == "always" or (self.colors == "auto" and is_terminal))


class HeartbeatSettings(Settings):
    """The file from which a health check reads the loop's state."""

    file: Path = Field(Path(DEFAULT_FILE), alias="HEARTBEAT_FILE")


class MetricsSettings(Settings):
    """Address of the metrics and health endpoints; without a port there are none."""

    host: Host = Field("127.0.0.1", alias="METRICS_HOST")
    port: int | None = Field(None, alias="METRICS_PORT", ge=0, le=65_535)
    """0: any free port."""
    hosts: HostNames = Field("", alias="METRICS_HOSTS")

    @property
    def names(self) -> frozenset[str]:
        """Host names accepted in requests, besides IP addresses and localhost."""
        return host_names(self.hosts)


class DashboardSettings(Settings):
    """Address of the page, and of the services whose metrics it shows."""

    host: Host = Field("127.0.0.1", alias="DASHBOARD_HOST")
    port: int = Field(8080, alias="DASHBOARD_PORT", ge=0, le=65_535)
    hosts: HostNames = Field("", alias="DASHBOARD_HOSTS")
    targets: str = Field("", alias="METRICS_TARGETS")

    @property
    def names(self) -> frozenset[str]:
        """Host names accepted in requests for the page, besides IP addresses and localhost."""
        return host_names(self.hosts)

    @field_validator("targets")
    @classmethod
    def _check_addresses(cls, text: str) -> str:
        addresses(text, needs_port=True)
        return text

    @property
    def metrics_of(self) -> tuple[Address, ...]:
        """Host and port of each service; all IP addresses of a host are replicas of one service."""
        return addresses(self.targets, needs_port=True)
