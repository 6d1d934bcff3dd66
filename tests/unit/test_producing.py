"""What a failed transaction is reported as."""

from aiokafka.errors import InvalidTxnState, KafkaTimeoutError, TopicAuthorizationFailedError

from fraudstream.kafka.producing import with_cause


def test_a_missing_right_is_reported_for_all_that_it_made_fail() -> None:
    """A broker adds all partitions of one request to a transaction, or none."""
    refused, slow = TopicAuthorizationFailedError("letters"), KafkaTimeoutError()
    failed = {("payments", 0): InvalidTxnState(), ("letters", 0): refused, ("payments", 1): slow}
    assert with_cause(failed) == {("payments", 0): refused, ("letters", 0): refused, ("payments", 1): slow}


def test_an_error_without_a_cause_is_what_it_is() -> None:
    """InvalidTxnState alone means something else."""
    failed = {("payments", 0): InvalidTxnState()}
    assert with_cause(failed) == failed
