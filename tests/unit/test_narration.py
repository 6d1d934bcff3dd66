"""The scorer's log: a line per payment at a slow pace, one per second at a fast one, and a warning of a stall."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

import numpy as np
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict
from tests.any_schema import FORM
from tests.clock import Clock
from tests.scores import One, numbered, scored

from fraudstream.kafka.lag import LagProbe
from fraudstream.payment import InvalidPayment
from fraudstream.runtime.metrics import ScorerMetrics
from scorer import narration as narrated
from scorer.gauges import PartitionGauges
from scorer.narration import Narration
from scorer.ownership import Ownership
from scorer.scoring import Outcome
from scorer.summary import Summary

INVALID = InvalidPayment(reason="invalid_field", detail="failed_logins: Input should be a valid integer")


class Log:
    """The narration of a scorer with two partitions, on a clock of its own."""

    def __init__(self, lines: list[EventDict], *, joined: bool = True) -> None:
        self.lines = lines
        self.clock = Clock(1_000.0)
        ownership = cast("Ownership", SimpleNamespace(joined=joined, ready={0: None, 3: None}))
        self.gauges = PartitionGauges(ScorerMetrics(), ownership, cast("LagProbe", None))
        self.gauges.lags = {0: 0, 3: None}
        self._narration = Narration(FORM.schema, "test-payments", Summary(self.gauges, self.clock), self.clock)

    def cycle(self, payments: int, invalid: int = 0, age_ms: int = 20, duration_s: float = 0.01) -> None:
        """Commit a cycle, in which every tenth payment is reviewed."""
        ones = [One(numbered(i), 0.5, "approve" if i % 10 else "review", "v1", 0, 0, i) for i in range(payments)]
        outcome = MagicMock(spec=Outcome, scored=scored(ones), partition=3, invalid=[(9, INVALID)] * invalid)
        self.gauges.metrics.end_to_end_latency.observe(np.full(payments, 1_000_000 - age_ms), 1_000_000)
        self._narration.cycle([outcome], duration_s)

    def run(self, seconds: float, step_s: float = 0.1, payments: int = 0) -> list[EventDict]:
        """Let time pass, with a cycle of payments in each step; return the lines of this time."""
        before = len(self.lines)
        for _ in range(round(seconds / step_s)):
            self.clock.go(step_s)
            if payments:
                self.cycle(payments)
            self._narration.tick()
        return self.lines[before:]


@pytest.fixture
def log() -> Iterator[Log]:
    """Capture the lines."""
    with capture_logs() as lines:
        yield Log(lines)


def events(lines: list[EventDict]) -> list[Any]:
    """Return the events of the lines."""
    return [line["event"] for line in lines]


def test_a_slow_pace_has_a_line_per_payment_and_no_summary(log: Log) -> None:
    """A payment every 3 s, for two minutes; then nothing for another two."""
    assert events(log.run(120, step_s=3, payments=1)) == ["payment scored"] * 40
    assert log.run(120) == []


def test_a_dead_letter_has_its_place_and_reason(log: Log) -> None:
    """Its line names the topic."""
    log.cycle(0, invalid=1)
    assert log.lines == [
        {
            "event": "dead letter",
            "log_level": "warning",
            "topic": "test-payments",
            "partition": 3,
            "offset": 9,
            "reason": "invalid_field",
            "detail": INVALID.detail,
        }
    ]


def test_reasons_of_a_payment(log: Log) -> None:
    """The texts are those of the record in the scored topic; a payment without reasons has no such field."""
    reasons = '[{"field":"failed_logins","contribution":1.5,"text":"7 failed logins"}]'
    ones = [One(numbered(number), 0.5, "block", "v1", 0, 0, number) for number in range(2)]
    outcome = MagicMock(spec=Outcome, scored=replace(scored(ones), reasons={1: reasons}), invalid=[])
    log._narration.cycle([outcome], 0.01)
    assert [line.get("reasons") for line in log.lines] == [None, ["7 failed logins"]]


def test_a_payment_without_amount(log: Log) -> None:
    """Neither a schema without amount nor a payment without one has the field; a text id is logged as it is."""
    ones = scored([One(numbered(1), 0.5, "approve", "v1", 0, 0, 0)])
    for schema, payments in (
        (replace(FORM.schema, amount=None), {**ones.payments, FORM.schema.id: ["a\x1b[2J"]}),
        (FORM.schema, {**ones.payments, "amount": [None]}),
    ):
        narration = Narration(schema, "test-payments", Summary(log.gauges, log.clock), log.clock)
        narration.cycle([MagicMock(spec=Outcome, scored=replace(ones, payments=payments), invalid=[])], 0.01)
    assert [line.keys() & {"amount", "reasons"} for line in log.lines] == [set(), set()]
    assert [line["payment_id"] for line in log.lines] == ["a\x1b[2J", 1]


def test_a_fast_pace_has_one_line_per_second(log: Log) -> None:
    """Also where a cycle is so small that lines for it would be left; each line has the payments of its second."""
    log.run(2, payments=50)
    lines = log.run(20, payments=3)
    assert events(lines) == ["payments scored"] * 20
    assert {line["scored"] for line in lines[1:]} == {30}
    assert {line["per_second"] for line in lines[1:]} == {30}


def test_a_line_of_a_second_has_counts_latency_and_lag(log: Log) -> None:
    """Latencies of other seconds are not in it, those of its first cycle are; numbers are Python's own."""
    log.cycle(5, age_ms=60_000)
    log.gauges.lags = {0: 12, 3: None}
    log.cycle(100, invalid=2, age_ms=45)
    (line,) = log.run(1)[:1]
    assert (line["scored"], line["flagged"], line["dead_letters"]) == (100, 10, 2)
    assert 30 < line["p50_ms"] <= line["p99_ms"] <= 50
    assert (line["lag"], line["partitions"], line["per_second"]) == (12, 2, 101)
    assert "float64" not in repr(line)


def test_unknown_values_are_left_out(log: Log) -> None:
    """Without ages and lags there are no such fields."""
    log.gauges.lags = None
    log.cycle(0, invalid=100)
    (line,) = log.run(1)[:1]
    assert line.keys() & {"p50_ms", "p99_ms", "lag"} == set()


def test_the_lines_of_payments_return_with_a_slow_pace(log: Log) -> None:
    """After one second with few payments; none is left out, and none is in two lines."""
    log.run(3, payments=50)
    lines = log.run(30, step_s=1, payments=1)
    single = events(lines).count("payment scored")
    counted = sum(line["scored"] for line in log.lines if line["event"] == "payments scored")
    assert single >= 28
    assert events(lines)[3:] == ["payment scored"] * (len(lines) - 3)
    assert counted + single == 3 * 10 * 50 + 30


def test_a_burst_has_lines_of_its_own(log: Log) -> None:
    """Twenty at a time have lines, a twenty-first payment has not."""
    log.cycle(20)
    assert events(log.lines) == ["payment scored"] * 20
    log.cycle(1)
    assert events(log.run(1)) == ["payments scored"]


def test_nothing_is_formatted_at_a_fast_pace(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """No payment's reasons are parsed, and no line is made of it."""
    log.cycle(1_000)
    monkeypatch.setattr(narrated, "json", None)
    monkeypatch.setattr(log._narration, "_log", None)
    assert events(log.run(3, payments=1_000)) == ["payments scored"] * 3


def test_the_last_payments_have_a_line(log: Log) -> None:
    """At a stop, before the second is over; once."""
    log.cycle(100)
    log._narration.finish()
    log._narration.finish()
    assert [line["scored"] for line in log.lines] == [100]


def test_a_stall_is_logged(log: Log) -> None:
    """With lag and no progress, every 10 s; not while there is progress, nor for a payment that has just arrived."""
    log.gauges.lags = {0: 4, 3: None}
    assert log.run(9) == []
    lines = log.run(31)
    assert events(lines) == ["payments wait unscored"] * len(lines)
    assert 2 <= len(lines) <= 3
    assert (lines[0]["lag"], lines[0]["partitions"], lines[0]["log_level"]) == (4, 2, "warning")
    log.cycle(1)
    assert events(log.run(60, step_s=3, payments=1)) == ["payment scored"] * 20


def test_no_stall_before_the_group_is_joined() -> None:
    """Other lines log the reason for waiting."""
    with capture_logs() as lines:
        log = Log(lines, joined=False)
        log.gauges.lags = {0: 4}
        assert log.run(60) == []
