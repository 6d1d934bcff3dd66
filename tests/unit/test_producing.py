"""Errors reported for a failed transaction."""

from aiokafka.errors import InvalidTxnState, KafkaTimeoutError, TopicAuthorizationFailedError

from fraudstream.kafka.producing import with_cause


def test_a_missing_right_is_reported_for_all_failed_records() -> None:
    """A broker adds all partitions of one request to a transaction, or none."""
    refused, slow = TopicAuthorizationFailedError("letters"), KafkaTimeoutError()
    failed = {("payments", 0): InvalidTxnState(), ("letters", 0): refused, ("payments", 1): slow}
    assert with_cause(failed) == {("payments", 0): refused, ("letters", 0): refused, ("payments", 1): slow}


def test_an_error_without_a_cause_is_kept() -> None:
    """InvalidTxnState alone has another cause."""
    failed = {("payments", 0): InvalidTxnState()}
    assert with_cause(failed) == failed
