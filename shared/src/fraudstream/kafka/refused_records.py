"""Errors by which a topic refuses records permanently, and the topic setting that is the cause. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka import errors

from fraudstream.fitting import batch_bytes
from fraudstream.kafka.patches import InvalidRecordError
from fraudstream.record import Message

NEVER_ACCEPTED = (
    errors.InvalidTimestampError,
    errors.InvalidTopicError,
    errors.MessageSizeTooLargeError,
    errors.PolicyViolationError,
    errors.RecordListTooLargeError,
    errors.UnsupportedForMessageFormatError,
    InvalidRecordError,
)
"""A retry of the same records is refused again, until a user changes the topic or, for timestamps, time passes."""

_BATCH, _SEGMENT = "max.message.bytes", "segment.bytes"
_BEFORE, _AFTER = "message.timestamp.before.max.ms", "message.timestamp.after.max.ms"
_DIFFERENCE = "message.timestamp.difference.max.ms"
_TIMESTAMP_TYPE, _CLEANUP = "message.timestamp.type", "cleanup.policy"
BROKER_TIME = f"{_TIMESTAMP_TYPE}=LogAppendTime"
"""The setting of a topic whose records have the broker's timestamps."""
_COMPRESSION = "compression.type"
_DEFAULTS = {_BATCH: 1_048_588, _SEGMENT: 1 << 30, _BEFORE: 2**63 - 1, _AFTER: 2**63 - 1, _DIFFERENCE: 2**63 - 1}
_NO_TIMESTAMP = -1
_AS_SENT = ("producer", "uncompressed")


class Cause(NamedTuple):
    """A setting that makes a topic refuse records, the reason, and a value with which the topic accepts them."""

    setting: str
    why: str
    better: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicLimits:
    """Limits of a topic by its settings; Kafka's defaults where a setting is not known."""

    topic: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def batch_bytes(self) -> int:
        """Size of the largest batch, in bytes; 2 % less if the broker compresses it again, which may enlarge it."""
        largest = min(self._number(_BATCH), self._number(_SEGMENT))
        as_sent = self.settings.get(_COMPRESSION, _AS_SENT[0]) in _AS_SENT
        return largest if as_sent else largest - largest // 50

    @property
    def remarks(self) -> Mapping[str, str]:
        """By setting: consequences that a user should know, although no record is refused."""
        remarks = {}
        if self.settings.get(_TIMESTAMP_TYPE) == "LogAppendTime":
            remarks[BROKER_TIME] = "the timestamps of its records are the broker's, not the payments'"
        if self._is_compacted:
            remarks[f"{_CLEANUP}={self.settings[_CLEANUP]}"] = (
                "Kafka deletes all but the last record of each key, and refuses records without a key: "
                "set cleanup.policy=delete to keep each record"
            )
        return remarks

    def cause(self, error: errors.BrokerResponseError, messages: Sequence[Message], now_ms: int) -> Cause | None:
        """Return the setting that makes the topic refuse one of *messages* with *error*; None if it is not known."""
        match error:
            case errors.MessageSizeTooLargeError():
                return self._size_cause(_BATCH, messages)
            case errors.RecordListTooLargeError():
                return self._size_cause(_SEGMENT, messages)
            case errors.InvalidTimestampError():
                return self._timestamp_cause([message[2] for message in messages], now_ms)
            case InvalidRecordError() if self._is_compacted and any(message[0] is None for message in messages):
                return Cause(_CLEANUP, "a compacted topic accepts no record without a key", "delete")
        return None

    def _size_cause(self, setting: str, messages: Sequence[Message]) -> Cause:
        needed = max((batch_bytes(key, value, headers) for key, value, _, headers in messages), default=0)
        better = max(_DEFAULTS[setting], needed)
        return Cause(setting, "a record is larger, even without its removable parts", str(better))

    def _timestamp_cause(self, timestamps_ms: Sequence[int], now_ms: int) -> Cause | None:
        given = [timestamp_ms for timestamp_ms in timestamps_ms if timestamp_ms != _NO_TIMESTAMP]
        before, after = self._window_setting(_BEFORE), self._window_setting(_AFTER)
        if not given or self._number(before) == self._number(after) == _DEFAULTS[_BEFORE]:
            return None
        early, late = now_ms - min(given), max(given) - now_ms
        # compare the excess over each limit: our clock may differ from the broker's
        if early - self._number(before) >= late - self._number(after):
            return Cause(before, "a record's timestamp is older", str(_DEFAULTS[before]))
        return Cause(after, "a record's timestamp is further in the future", str(_DEFAULTS[after]))

    def _window_setting(self, setting: str) -> str:
        """Return the setting in force: before Kafka 4 the older one applies if the newer one has its default."""
        is_default = self._number(setting) == _DEFAULTS[setting]
        return _DIFFERENCE if is_default and _DIFFERENCE in self.settings else setting

    @property
    def _is_compacted(self) -> bool:
        return "compact" in self.settings.get(_CLEANUP, "")

    def _number(self, setting: str) -> int:
        return int(self.settings.get(setting, _DEFAULTS[setting]))


def refusal(limits: TopicLimits, error: errors.BrokerResponseError, cause: Cause | None, bootstrap: str) -> str:
    """Return one line for the user: the topic, the setting that is the cause, and the command that changes it."""
    topic = shlex.quote(limits.topic)
    command = f"kafka-configs --bootstrap-server {bootstrap} --entity-type topics --entity-name {topic}"
    if cause is None:
        return f"{limits.topic} refuses records ({error.message}); see its settings: {command} --describe"
    value = limits.settings.get(cause.setting, "unknown")
    return (
        f"{limits.topic} refuses records ({error.message}): {cause.setting}={value}, and {cause.why}; "
        f"change it: {command} --alter --add-config {cause.setting}={cause.better}"
    )
