"""Drift in the scorer's log: one warning where it begins, one line where it ends."""

import json

import numpy as np
from structlog.testing import capture_logs
from tests.default_payment import ENCODING, SCHEMA
from tests.scores import FORMAT, Record
from tests.unit.test_scoring import AT, TOPICS, ByRisk

from fraudstream.model.drift_reference import Reference
from fraudstream.model.fraud_model import FraudModel, Thresholds
from fraudstream.simulation import simulate
from scorer.drift.alarm import DriftAlarm
from scorer.drift.watch import LEAST
from scorer.scoring import Outcome, Scorer

SCORER = Scorer(
    form=FORMAT,
    model=FraudModel(
        content_sha256="0123456789ab",
        classifier=ByRisk(),
        schema=SCHEMA,
        encoding=ENCODING,
        thresholds=Thresholds(0.1, 0.5),
    ),
    topics=TOPICS,
    limit=lambda _: 1 << 20,
)
HISTORY = simulate(np.random.default_rng(1), 20_000).matrix()
REFERENCE = Reference.of(ENCODING, HISTORY, SCORER.model.score(HISTORY))


def cycle(rng: np.random.Generator, second: int, *, richer: float) -> list[Outcome]:
    """Return the outcomes of a cycle at that second: 1,000 payments and a dead letter, of two partitions."""
    values = [
        json.dumps({**row, "amount": row["amount"] * richer, "payment_id": 1}).encode()
        for row in simulate(rng, 1_000).rows()
    ]
    records = [Record(value, offset=offset, timestamp=second * 1_000) for offset, value in enumerate([b"no", *values])]
    return SCORER.decide({0: records[:300], 1: records[300:]}, {}, AT)


def test_drift_is_logged_once_at_either_end() -> None:
    """While amounts are doubled, drift is logged once when it begins and once when it ends."""
    rng, alarm = np.random.default_rng(2), DriftAlarm()
    with capture_logs() as lines:
        for second in range(30):
            alarm.cycle(cycle(rng, 1_790_000_000 + second, richer=2.0 if 10 <= second < 20 else 1.0), REFERENCE)
        alarm.cycle([], REFERENCE)
    begins, ends = lines
    assert (begins["event"], begins["log_level"]) == ("drift begins", "warning")
    assert (ends["event"], ends["log_level"]) == ("drift ends", "info")
    assert begins["field"] == ends["field"] == "amount"
    assert begins["psi"] > begins["limit"] == 0.05
    assert begins["since"] == ends["since"] == "2026-09-21T14:13:30.000Z"
    assert ends["psi"] < 0.025


def test_a_model_without_reference_is_not_watched() -> None:
    """A missing reference is logged once."""
    with capture_logs() as lines:
        alarm = DriftAlarm()
        for _ in range(2):
            alarm.cycle(cycle(np.random.default_rng(3), 0, richer=1e3), None)
    assert [line["event"] for line in lines] == ["drift not measured"]


def test_payments_and_scores_are_those_that_are_published() -> None:
    """The measured values equal the published ones row by row, without the dead letters."""
    for outcome in cycle(np.random.default_rng(4), 0, richer=1.0):
        np.testing.assert_array_equal(outcome.probabilities, outcome.scored.fraud_probability)
        np.testing.assert_array_equal(outcome.matrix[:, 0], outcome.scored.payments["amount"])


def test_the_progress_until_drift_is_measured() -> None:
    """Known before the first cycle; a model without a reference has none."""
    alarm = DriftAlarm()
    assert alarm.progress == (0, LEAST)
    alarm.cycle(cycle(np.random.default_rng(4), 1_790_000_000, richer=1.0), REFERENCE)
    assert alarm.progress == (1_000, LEAST)
    alarm.cycle([], None)
    assert alarm.progress == (0, 0)
