"""Errors by which a topic refuses records permanently, and the topic setting that each one names."""

import pytest
from aiokafka import errors
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.kafka.connection import BROKEN
from fraudstream.kafka.patches import InvalidRecordError
from fraudstream.kafka.refused_records import NEVER_ACCEPTED, TopicLimits, refusal
from fraudstream.record import Message

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
NEVER = {10, 17, 18, 32, 43, 44, 87}
"""Kafka's numbers of the errors that sending again does not cure."""
EARLY: Message = (b"1", b"{}", NOW_MS - 2 * HOUR_MS, [])
LATE: Message = (b"1", b"{}", NOW_MS + 2 * HOUR_MS, [])
TIMELESS: Message = (b"1", b"{}", -1, [])
KEYLESS: Message = (None, b"{}", NOW_MS, [])


def limits(**settings: str) -> TopicLimits:
    """Return limits; underscores stand for dots."""
    return TopicLimits(topic="scores", settings={name.replace("_", "."): value for name, value in settings.items()})


@pytest.mark.parametrize("code", range(1, 120))
def test_errors_by_what_cures_them(code: int) -> None:
    """Each of Kafka's errors is refused permanently or retried; none of them ends the process."""
    error = errors.for_code(code)
    assert issubclass(error, NEVER_ACCEPTED) == (code in NEVER)
    assert issubclass(error, BROKEN)
    assert not (error.retriable and issubclass(error, NEVER_ACCEPTED))


@pytest.mark.parametrize(
    ("error", "settings", "message", "setting", "better"),
    [
        (errors.MessageSizeTooLargeError(), {"max_message_bytes": "100"}, EARLY, "max.message.bytes", "1048588"),
        (errors.RecordListTooLargeError(), {"segment_bytes": "100"}, EARLY, "segment.bytes", str(1 << 30)),
        (
            errors.InvalidTimestampError(),
            {"message_timestamp_before_max_ms": str(HOUR_MS)},
            EARLY,
            "message.timestamp.before.max.ms",
            str(2**63 - 1),
        ),
        (
            errors.InvalidTimestampError(),
            {"message_timestamp_after_max_ms": str(HOUR_MS), "message_timestamp_before_max_ms": str(2**63 - 1)},
            LATE,
            "message.timestamp.after.max.ms",
            str(2**63 - 1),
        ),
        (
            errors.InvalidTimestampError(),
            {"message_timestamp_difference_max_ms": str(HOUR_MS)},
            LATE,
            "message.timestamp.difference.max.ms",
            str(2**63 - 1),
        ),
        (InvalidRecordError(), {"cleanup_policy": "compact,delete"}, KEYLESS, "cleanup.policy", "delete"),
        (InvalidRecordError(), {"cleanup_policy": "delete"}, KEYLESS, None, None),
        (InvalidRecordError(), {"cleanup_policy": "compact"}, EARLY, None, None),
        (errors.InvalidTimestampError(), {}, TIMELESS, None, None),
        (errors.PolicyViolationError(), {}, EARLY, None, None),
    ],
)
def test_the_setting_is_named(
    error: errors.BrokerResponseError,
    settings: dict[str, str],
    message: Message,
    setting: str | None,
    better: str | None,
) -> None:
    """The message has its value and the command that changes it; if it is unknown, the command that shows all."""
    found = limits(**settings)
    cause = found.cause(error, [(b"1", b"{}", NOW_MS, []), message], NOW_MS)
    text = refusal(found, error, cause, "kafka:9092")
    command = "kafka-configs --bootstrap-server kafka:9092 --entity-type topics --entity-name scores"
    assert text.startswith(f"scores refuses records ({error.message})")
    if setting is None:
        assert cause is None
        assert text.endswith(f"{command} --describe")
    else:
        assert cause is not None
        assert f"{setting}={found.settings[setting]}, and a" in text
        assert text.endswith(f"{command} --alter --add-config {setting}={better}")


@given(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1), st.sampled_from(["producer", "uncompressed", "gzip"]))
def test_the_largest_batch(message_bytes: int, segment_bytes: int, codec: str) -> None:
    """The largest batch is at most a segment, and smaller if the broker recompresses it, which can enlarge it."""
    found = limits(max_message_bytes=str(message_bytes), segment_bytes=str(segment_bytes), compression_type=codec)
    least = min(message_bytes, segment_bytes)
    assert 0.97 * least < found.batch_bytes <= least
    assert (found.batch_bytes == least) == (codec != "gzip" or least < 50)


def test_without_settings_kafkas_defaults_count() -> None:
    """They apply where settings may not be read, or the broker is the embedded one."""
    assert TopicLimits(topic="scores").batch_bytes == 1_048_588
    assert not TopicLimits(topic="scores").remarks


def test_settings_that_refuse_nothing_are_remarked() -> None:
    """Broker timestamps, and compaction, which deletes records, cause a remark."""
    remarks = limits(message_timestamp_type="LogAppendTime", cleanup_policy="compact").remarks
    assert list(remarks) == ["message.timestamp.type=LogAppendTime", "cleanup.policy=compact"]
    assert not limits(message_timestamp_type="CreateTime", cleanup_policy="delete").remarks
