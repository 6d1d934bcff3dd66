"""The producer's log of delivered payments."""

from unittest.mock import MagicMock, call

from tests.any_schema import FORM

from fraudstream.kafka.payment_sender import Delivery
from fraudstream.record import KeyedMessage
from producer.report import Report

(PAYMENT,) = FORM.encode_all(
    {
        "payment_id": [7],
        "amount": [12.5],
        "country_risk_score": [0.5],
        "failed_logins": [0],
        "transaction_hour": [3],
        "is_new_device": [1],
    }
)


def _delivery(*values: bytes | None, offset: int = 10) -> Delivery:
    return Delivery(partition=2, offset=offset, messages=[KeyedMessage(b"7", value, 0) for value in values])


def test_slow() -> None:
    """Each payment has a line with its place; a malformed one has its reason."""
    log = MagicMock()
    report = Report(FORM, log, 10.0, lambda: 0.0)
    report.add(_delivery(PAYMENT, None))
    report.add(_delivery(PAYMENT, offset=-1))
    assert log.debug.call_args_list == [
        call("payment sent", payment_id=7, amount=12.5, partition=2, offset=10),
        call("malformed message sent", reason="tombstone", partition=2, offset=11),
        call("payment sent", payment_id=7, amount=12.5, partition=2, offset=None),
    ]
    assert report.delivered == 3
    assert log.info.call_args_list == []  # the scorer's log has the same payments


def test_fast() -> None:
    """One line per second has the count since the last one and the total."""
    log, times = MagicMock(), [0.0]
    report = Report(FORM, log, 1_000.0, lambda: times[0])
    for times[0] in (0.5, 1.0, 1.5, 3.0):
        report.add(_delivery(*[PAYMENT] * 100))
    assert log.debug.call_args_list == [
        call("payments sent", count=200, per_second=200, total=200),
        call("payments sent", count=200, per_second=100, total=400),
    ]
