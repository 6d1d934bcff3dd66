"""Payments that the benchmarks' viewers receive in a dashboard's own events."""

import json

from benchmarks import records
from benchmarks.dashboard import Viewer
from benchmarks.records import Template
from tests.scores import FORMAT

from dashboard.board import Board
from dashboard.records import dead_reason
from dashboard.replicas import Replicas
from fraudstream.payment import InvalidPayment

NOW_S = 1_800_000_000


def test_reads_the_dashboards_events() -> None:
    """The events have one flagged payment and one dead letter."""
    board = Board("kafka:9092", FORMAT, Replicas(), NOW_S)
    board.connected(NOW_S, caught_up=True)
    record = records.Record(0, 0, b"1", _template("review").value(records.scored_at(NOW_S + 0.25)), [])
    board.add_scored(0, [record], NOW_S + 1)
    board.add_dead(0, [records.dead_letter(0, 0)], NOW_S + 1)
    viewer = Viewer()
    viewer.receive(json.dumps(board.tick(NOW_S + 2.7)).encode(), NOW_S + 2.75)
    assert (viewer.events, viewer.payments, viewer.dead_letters, viewer.sampled) == (1, 1, 1, 0)
    assert viewer.flagged == [(NOW_S + 0.25, 2.5)]


def test_templates_are_payments() -> None:
    """The dashboard accepts them once they have a time."""
    payment = FORMAT.read(_template("block").value(b"2027-01-15T08:00:00.000Z"))
    assert payment is not None
    assert payment.scored_at == "2027-01-15T08:00:00.000Z"


def test_dead_letters_are_true() -> None:
    """The reason and the detail are the scorer's own."""
    letter = records.dead_letter(0, 0)
    why = FORMAT.payment.decode(letter.value)
    assert isinstance(why, InvalidPayment)
    assert dead_reason(letter) == why.reason
    assert dict(letter.headers)["dlq.detail"] == why.detail.encode()


def _template(decision: str) -> Template:
    value = (
        f'{{"payment_id":1,"amount":9.5,"country_risk_score":0.5,"failed_logins":0,"transaction_hour":3,'
        f'"is_new_device":0,"fraud_probability":0.5,"decision":"{decision}","model_version":"v","reasons":[],'
        f'"source_partition":0,"source_offset":0,"scored_at":"MARK"}}'
    )
    return Template.of(b"1", value.encode(), b"MARK")
