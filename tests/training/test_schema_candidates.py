"""The candidates for any schema come close to the truth of mechanisms that they were not designed for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from threadpoolctl import threadpool_limits

from fraudstream.arrays import Floats, Integers
from fraudstream.model.encoding import Encoding
from fraudstream.payment_schema import parse
from tests.histories import history_of
from trainer import fit
from trainer.candidates import candidates

TRAINED, FRESH = 20_000, 200_000

SCHEMA = """
id = "id"
[fields.id]
type = "text"
[fields.amount]
type = "number"
above = 0
feature = { scale = "log" }
[fields.spent_today]
type = "number"
min = 0
feature = { scale = "log" }
[fields.distance]
type = "number"
min = 0
required = false
feature = { scale = "log" }
[fields.device_risk]
type = "number"
min = 0
max = 1
required = false
feature = true
[fields.attempts]
type = "integer"
min = 0
feature = { scale = "count" }
[fields.paid_at]
type = "time"
timezone = "America/New_York"
feature = true
[fields.is_new]
type = "boolean"
feature = true
[fields.country]
type = "category"
feature = true
[fields.trade]
type = "category"
required = false
feature = true
"""
COUNTRIES = [f"C{number}" for number in range(40)]
TRADES = [f"T{number}" for number in range(25)]
_EFFECTS = np.random.default_rng(42)
COUNTRY_EFFECTS = _EFFECTS.normal(0.0, 0.9, len(COUNTRIES))
TRADE_EFFECTS = _EFFECTS.normal(0.0, 0.7, len(TRADES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Payments as arrays; NaN and -1 are missing values."""

    amount: Floats
    spent_today: Floats
    distance: Floats
    device_risk: Floats
    attempts: Integers
    hour: Floats
    is_new: Integers
    country: Integers
    trade: Integers

    def columns(self) -> Mapping[str, Sequence[bool | float | str | None]]:
        """Return the values by field, as those of messages."""
        # 2026-01-14 05:00 UTC is midnight in New York
        paid_at = 1_768_366_800_000 + np.rint(self.hour * 3_600_000).astype(np.int64)
        return {
            "amount": self.amount.tolist(),
            "spent_today": self.spent_today.tolist(),
            "distance": [None if np.isnan(value) else value for value in self.distance.tolist()],
            "device_risk": [None if np.isnan(value) else value for value in self.device_risk.tolist()],
            "attempts": self.attempts.tolist(),
            "paid_at": paid_at.tolist(),
            "is_new": self.is_new.astype(bool).tolist(),
            "country": [COUNTRIES[code] for code in self.country.tolist()],
            "trade": [None if code < 0 else TRADES[code] for code in self.trade.tolist()],
        }


def draw(rng: np.random.Generator, count: int) -> Drawn:
    """Return payments; levels have shares from 20 % to a few in a thousand."""
    is_new = (rng.random(count) < 0.2).astype(np.int64)
    country_shares, trade_shares = (1.0 / np.arange(1, size + 1) for size in (len(COUNTRIES), len(TRADES)))
    trade = rng.choice(len(TRADES), count, p=trade_shares / trade_shares.sum())
    return Drawn(
        amount=np.exp(rng.normal(3.8, 1.2, count)),
        spent_today=np.where(rng.random(count) < 0.6, 0.0, np.round(np.exp(rng.normal(4.0, 1.0, count)), 2)),
        distance=np.where(rng.random(count) < 0.2, np.nan, np.exp(rng.normal(2.0, 1.5, count))),
        device_risk=np.where(rng.random(count) < 0.1, np.nan, rng.beta(1.5, 6.0, count)),
        attempts=rng.poisson(np.where(is_new == 1, 1.2, 0.3)),
        hour=rng.uniform(0.0, 24.0, count),
        is_new=is_new,
        country=rng.choice(len(COUNTRIES), count, p=country_shares / country_shares.sum()),
        trade=np.where(rng.random(count) < 0.15, -1, trade),
    )


def night(hour: Floats) -> Floats:
    """Return 1 at three in the morning, falling to 0 by day."""
    peak: Floats = np.exp(2.0 * (np.cos((hour - 3.0) * (2.0 * np.pi / 24.0)) - 1.0))
    return peak


def additive(drawn: Drawn) -> Floats:
    """Return log-odds that add up: saturating, bent and periodic curves."""
    log_odds: Floats = (
        -5.6
        + 1.1 * np.log1p(drawn.amount / 80.0)
        + 2.5 * drawn.attempts / (drawn.attempts + 2.0)
        + 1.2 * night(drawn.hour)
        + 0.9 * drawn.is_new
        + 3.0 * np.nan_to_num(drawn.device_risk, nan=0.2)
        + 0.5 * (drawn.spent_today > 0.0)
    )
    return log_odds


def interacting(drawn: Drawn) -> Floats:
    """Return log-odds in which features strengthen each other."""
    size = np.log1p(drawn.amount / 80.0)
    attempts = drawn.attempts / (drawn.attempts + 2.0)
    risk = np.nan_to_num(drawn.device_risk, nan=0.2)
    log_odds: Floats = (
        -5.2
        + size * (0.4 + 2.2 * risk)
        + attempts * (1.5 + 1.8 * drawn.is_new)
        + night(drawn.hour) * (0.7 + 0.8 * drawn.is_new)
        + 0.4 * drawn.is_new
    )
    return log_odds


def categories(drawn: Drawn) -> Floats:
    """Return log-odds by country and trade, and a few curves."""
    log_odds: Floats = (
        -4.6
        + COUNTRY_EFFECTS[drawn.country]
        + np.where(drawn.trade < 0, 0.8, TRADE_EFFECTS[drawn.trade])
        + 1.0 * np.log1p(drawn.amount / 80.0)
        + 0.9 * drawn.is_new
    )
    return log_odds


def missing(drawn: Drawn) -> Floats:
    """Return log-odds in which a missing value has an effect of its own, which is not that of any value."""
    distance = np.where(np.isnan(drawn.distance), 2.2, 0.8 * np.log1p(np.nan_to_num(drawn.distance) / 10.0))
    risk = np.where(np.isnan(drawn.device_risk), -0.8, 3.0 * np.nan_to_num(drawn.device_risk))
    log_odds: Floats = (
        -5.2
        + distance
        + risk
        + np.where(drawn.trade < 0, 1.0, 0.0)
        + 0.8 * np.log1p(drawn.amount / 80.0)
        + 0.7 * drawn.is_new
    )
    return log_odds


MECHANISMS: Sequence[Callable[[Drawn], Floats]] = [additive, interacting, categories, missing]


def measure(mechanism: Callable[[Drawn], Floats], seed: int) -> tuple[str, float, float]:
    """Return the chosen candidate, its log loss above the truth's, and its average precision in that of the truth."""
    rng = np.random.default_rng(seed)
    past, fresh = draw(rng, TRAINED), draw(rng, FRESH)
    probabilities, truth = (1.0 / (1.0 + np.exp(-mechanism(drawn))) for drawn in (past, fresh))
    labels, outcomes = ((rng.random(len(p)) < p).astype(np.int64) for p in (probabilities, truth))
    schema = parse(SCHEMA, "payment.toml")
    encoding = Encoding.of(schema, past.columns())
    matrix = encoding.matrix(past.columns())
    with threadpool_limits(1):  # as the trainer does
        history = history_of(matrix, labels, schema=schema, encoding=encoding)
        chosen = fit.choose(fit.compare(history, np.arange(TRAINED), 0, candidates(encoding)))
        model = chosen.candidate.fit(matrix, labels, 0)
        fraud = model.predict_proba(encoding.matrix(fresh.columns()))[:, 1]
    entropy, loss = (-(truth * np.log(p) + (1.0 - truth) * np.log1p(-p)).mean() for p in (truth, fraud))
    precision = average_precision_score(outcomes, fraud) / average_precision_score(outcomes, truth)
    return chosen.candidate.name, float(loss / entropy - 1.0), float(precision)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_model_comes_close_to_the_truth(mechanism: Callable[[Drawn], Floats]) -> None:
    """The log loss is at most 2.5 % above that of the true probabilities, from 20,000 payments."""
    _, excess, precision = measure(mechanism, seed=11)
    assert excess <= 0.025
    assert precision >= (0.97 if mechanism is additive else 0.9)
