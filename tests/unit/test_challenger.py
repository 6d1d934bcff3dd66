"""A challenger in the shadow: scored, compared, and never in the champion's way."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs
from tests.clock import Clock
from tests.default_payment import ENCODING, SCHEMA
from tests.integration.trained import save_model

from fraudstream.model import store
from fraudstream.model.fraud_model import FraudModel, Thresholds
from fraudstream.model.manifest import Manifest
from fraudstream.runtime.log_on_change import Every
from fraudstream.simulation import simulate
from scorer.challenger import Challenger

SIMULATED = simulate(np.random.default_rng(0), 1_000)
MATRIX = SIMULATED.matrix()
PAYMENTS = SIMULATED.columns()
Predict = Callable[[int], float]


class Constant:
    """A classifier with one probability for all payments; `on_call` may raise or take time."""

    def __init__(self, fraud: float, on_call: Callable[[], None] = lambda: None) -> None:
        self.fraud, self.on_call = fraud, on_call

    def predict_proba(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        """Return probabilities of shape (n, 2)."""
        self.on_call()
        return np.full((len(matrix), 2), [1 - self.fraud, self.fraud])


def model(version: str, fraud: float, on_call: Callable[[], None] = lambda: None) -> FraudModel:
    """Return a model with one probability for all payments."""
    return FraudModel(
        content_sha256=version,
        classifier=Constant(fraud, on_call),
        schema=SCHEMA,
        encoding=ENCODING,
        thresholds=Thresholds(0.1, 0.5),
    )


CHAMPION = model("champion", 0.05)


def none() -> tuple[FraudModel, Manifest] | None:
    """Return no challenger, as from a folder without one."""
    return None


def test_compared_once_a_minute() -> None:
    """Agreement, shift of the log-odds and cost cover the payments since the last comparison, a minute ago."""
    clock = Clock(1_000.0)
    challenger = Challenger(load=none, now=clock, spent=clock, model=model("challenger", 0.2, lambda: clock.go(0.001)))
    challenger._report = Every(60.0, clock)
    shadow = challenger.score(PAYMENTS, SIMULATED.amount, CHAMPION, CHAMPION.score(MATRIX))
    assert shadow is not None
    assert shadow.version == "challenger"
    assert shadow.probabilities.tolist() == [0.2] * len(MATRIX)
    clock.go(60)
    with capture_logs() as lines:
        challenger.score(PAYMENTS, SIMULATED.amount, CHAMPION, CHAMPION.score(MATRIX))
    (line,) = lines
    assert (line["payments"], line["same_decision"]) == (2_000, 0.0)
    assert line["log_odds_shift"] == pytest.approx(np.log(0.25) - np.log(0.05 / 0.95), abs=1e-3)
    assert line["us_per_payment"] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("fault", ["fails", "slow"])
def test_left_out_for_a_minute(fault: str) -> None:
    """A challenger that fails or is slow is left out for a minute, then tried again; each time is logged."""
    clock = Clock(1_000.0)

    def on_call() -> None:
        if fault == "fails":
            raise RuntimeError("no")
        clock.go(0.5)

    challenger = Challenger(load=none, now=clock, spent=clock, model=model("challenger", 0.2, on_call))
    for _ in range(2):
        with capture_logs() as lines:
            challenger.score(PAYMENTS, SIMULATED.amount, CHAMPION, CHAMPION.score(MATRIX))
            assert challenger.score(PAYMENTS, SIMULATED.amount, CHAMPION, CHAMPION.score(MATRIX)) is None
        assert [line["event"] for line in lines if line["event"] != "challenger compared"] == ["challenger paused"]
        clock.go(61)


def test_follows_the_folder(tmp_path: Path) -> None:
    """The challenger starts, is idle while it is the champion itself, and ends; a damaged one is refused once."""
    first, second = save_model(tmp_path), save_model(tmp_path, strength=0.01)
    challenger = Challenger(load=lambda: store.load_challenger(tmp_path, store.NO_PINS))

    def events() -> list[str]:
        with capture_logs() as lines:
            asyncio.run(challenger.look())
        return [line["event"] for line in lines]

    assert events() == []
    store.challenge(tmp_path, first.content_sha256)
    assert events() == ["challenger changed"]
    champion = store.load(tmp_path, store.NO_PINS)[0]
    assert champion.version == second.version
    shadow = challenger.score(PAYMENTS, SIMULATED.amount, champion, champion.score(MATRIX))
    assert shadow is not None
    assert shadow.version == first.version
    store.challenge(tmp_path, second.content_sha256)
    assert events() == ["challenger changed"]
    assert challenger.score(PAYMENTS, SIMULATED.amount, champion, champion.score(MATRIX)) is None
    (tmp_path / store.VERSIONS / second.content_sha256 / store.MODEL_FILE).write_bytes(b"no")
    assert events() == ["challenger refused"]
    assert events() == []
    store.challenge(tmp_path, None)
    assert events() == []
    assert challenger.model is None
