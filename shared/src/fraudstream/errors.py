"""Errors, grouped by what the caller must do, not by where they occur."""

__all__ = [
    "AccessRefusedError",
    "FraudstreamError",
    "JournalForeignError",
    "KafkaSetupError",
    "LockUnreliableError",
    "ModelUnfitError",
    "PaymentFileError",
    "SettingsError",
    "SinkUnavailableError",
    "TopicRefusesError",
    "TrainingDataError",
]


class FraudstreamError(Exception):
    """A condition that a user can cause or fix: reported in one line, without a traceback, and exit code 1."""


class SettingsError(FraudstreamError):
    """A missing or invalid environment variable; the message names it."""


class SchemaError(FraudstreamError):
    """A payment schema that can't be used; the message names file, line, key and fix."""


class ModelUnfitError(FraudstreamError):
    """A model whose file, manifest or output can't be used; nothing was scored with it."""


class PaymentFileError(FraudstreamError):
    """A CSV or JSON Lines file that can't be read, or only by guessing; the message names file, line and fix."""


class TrainingDataError(FraudstreamError):
    """A history that can't be used for training; the message names row and column."""


class KafkaSetupError(FraudstreamError):
    """Topics, partitions or rights that do not meet the needs of the service; the message gives the fix."""


class AccessRefusedError(KafkaSetupError):
    """A right that this Kafka user lacks; the message names the right to grant, and the user."""


class TopicRefusesError(KafkaSetupError):
    """A topic that refuses records on every retry; the message names topic, setting and the command that changes it."""


class SinkUnavailableError(FraudstreamError):
    """A sink that can't be written now (disk full, folder read-only, file locked): keep the batch, wait, retry."""


class LockUnreliableError(FraudstreamError):
    """A CSV whose lock two processes can hold at the same time: append nothing."""


class JournalForeignError(FraudstreamError):
    """A CSV that belongs to another consumer group, or to a running stack: never append to it."""
