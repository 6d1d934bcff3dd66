"""Errors by their consequence: what the caller must do, not where they arose."""


class FraudstreamError(Exception):
    """A condition that a user can cause or mend: reported in one line, without a traceback, and exit code 1."""


class SettingsError(FraudstreamError):
    """An environment variable is missing or wrong; the message names it."""


class ModelUnfitError(FraudstreamError):
    """The model file, its manifest or its output can't be used; nothing was scored with it."""


class PaymentFileError(FraudstreamError):
    """A CSV or JSON Lines file can't be read, or not without a guess; the message names file, line and change."""


class TrainingDataError(FraudstreamError):
    """The history can't be learned from; the message names row and column."""


class KafkaSetupError(FraudstreamError):
    """Topics, partitions or rights are not as the service needs them; the message says how to mend it."""


class AccessRefusedError(KafkaSetupError):
    """Kafka does not let this user do what is needed; the message says what to grant, and to whom."""


class TopicRefusesError(KafkaSetupError):
    """A topic refuses records whatever is retried; the message names topic, setting and the command that changes it."""


class SinkUnavailableError(FraudstreamError):
    """The sink can't be written now (disk full, folder read-only, file locked): keep the batch, wait, try again."""


class LockUnreliableError(FraudstreamError):
    """Two processes can hold the CSV's lock at once here: nothing must be appended."""


class JournalForeignError(FraudstreamError):
    """The CSV belongs to another consumer group, or to a stack that runs: never append to its file."""
