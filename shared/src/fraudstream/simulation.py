"""Realistic simulated payments for the history and the producer, and the true probability that each is fraud."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from fraudstream.arrays import Floats, Integers

__all__ = ["SimulatedPayments", "labels", "simulate", "true_probability"]


# payments by UTC hour: quiet nights, a rise before noon, a peak in the evening
_HOUR_WEIGHTS = np.array(
    [18, 12, 9, 7, 7, 10, 18, 32, 48, 58, 64, 68, 72, 68, 64, 62, 64, 70, 78, 82, 76, 62, 44, 28], dtype=np.float64
)
_HOUR_CUMULATIVE = np.cumsum(_HOUR_WEIGHTS) / _HOUR_WEIGHTS.sum()

# sessions under attack: many failed logins, mostly from a new device, larger amounts, riskier countries
_ATTACKED_SHARE = 0.03
_ATTACKED_LOGINS, _NEW_DEVICE_LOGINS, _USUAL_LOGINS = 3.5, 0.7, 0.12
_ATTACKED_NEW_DEVICE, _USUAL_NEW_DEVICE = 0.8, 0.1
_ATTACKED_AMOUNT, _USUAL_AMOUNT, _AMOUNT_SPREAD = 160.0, 45.0, 1.15
_ATTACKED_RISKY_COUNTRY, _USUAL_RISKY_COUNTRY = 0.4, 0.1
_LARGEST_AMOUNT = 1e6

_FRAILTY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPayments:
    """The fields of n payments, without ids, as arrays; each value is valid in a message without conversion."""

    amount: Floats
    country_risk_score: Floats
    failed_logins: Integers
    transaction_hour: Integers
    is_new_device: Integers

    def columns(self) -> dict[str, list[float]]:
        """Return the fields by name, in the order of FIELDS."""
        return {name: getattr(self, name).tolist() for name in FIELDS}

    def rows(self) -> Iterator[dict[str, float]]:
        """Yield the fields of each payment."""
        columns = self.columns()
        return (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))

    def matrix(self) -> Floats:
        """Return the features in shape (n, 5), columns in the order of FIELDS."""
        return np.column_stack([getattr(self, name) for name in FIELDS]).astype(np.float64, copy=False)


FIELDS = tuple(one.name for one in fields(SimulatedPayments))
"""The simulated fields of the default schema: all except the id."""


def simulate(rng: np.random.Generator, count: int, *, hour: int | None = None) -> SimulatedPayments:
    """Return `count` payments, all at `hour` (UTC) if given, else distributed over the day like real payments.

    Amounts are log-normal around 45, failed logins and new devices are correlated, most countries have a low risk and
    a few a high one; in one session of 33, an attack, all four shift together. The fields do not depend on the hour.
    """
    attacked = rng.random(count) < _ATTACKED_SHARE
    new_device = rng.random(count) < np.where(attacked, _ATTACKED_NEW_DEVICE, _USUAL_NEW_DEVICE)
    expected_logins = np.where(attacked, _ATTACKED_LOGINS, np.where(new_device, _NEW_DEVICE_LOGINS, _USUAL_LOGINS))
    amount = np.where(attacked, _ATTACKED_AMOUNT, _USUAL_AMOUNT) * np.exp(_AMOUNT_SPREAD * rng.standard_normal(count))
    risky = rng.random(count) < np.where(attacked, _ATTACKED_RISKY_COUNTRY, _USUAL_RISKY_COUNTRY)
    risk: Floats = np.where(risky, rng.beta(5.0, 3.0, count), rng.beta(1.6, 8.0, count))
    hours = _draw_hours(rng, count) if hour is None else np.full(count, hour)
    return SimulatedPayments(
        amount=np.clip(np.round(amount, 2), 0.01, _LARGEST_AMOUNT),
        country_risk_score=np.round(risk, 3),
        failed_logins=rng.poisson(expected_logins).astype(np.int64, copy=False),
        transaction_hour=hours.astype(np.int64, copy=False),
        is_new_device=new_device.astype(np.int64),
    )


def true_probability(matrix: Floats) -> Floats:
    """Return the true probability that each row of `matrix` (columns as FIELDS) is fraud: the limit of any model.

        night     = exp(1.6 (cos(2 pi (hour - 3) / 24) - 1))       1 at 03:00, 0.04 at 15:00
        logins    = failed_logins / (failed_logins + 2)            each further one adds less
        size      = ln(1 + amount / 60)
        suspicion = 4.2 logins (1 + 0.6 is_new_device) + 0.9 is_new_device
                  + size (0.45 + 1.9 risk) + 2.2 risk
                  + 1.2 night (1 + 0.5 is_new_device)
        hazard    = exp(0.9 suspicion - 6.7)
        p         = 1 - (1 + hazard / 2)^-2

    Failed logins and the night weigh more with a new device, amounts weigh more in risky countries. The last line is
    a hazard that differs between customers (gamma-distributed with variance 1/2): its tail is not that of a
    logistic model, nor are its curves splines, so the candidates of the trainer can approach it but not reach it.
    """
    amount, risk, failed_logins, hour, new_device = matrix.T
    night = np.exp(1.6 * (np.cos((hour - 3.0) * (2.0 * np.pi / 24.0)) - 1.0))
    logins = failed_logins / (failed_logins + 2.0)
    size = np.log1p(amount / 60.0)
    suspicion = (
        4.2 * logins * (1.0 + 0.6 * new_device)
        + 0.9 * new_device
        + size * (0.45 + 1.9 * risk)
        + 2.2 * risk
        + 1.2 * night * (1.0 + 0.5 * new_device)
    )
    hazard = np.exp(0.9 * suspicion - 6.7)
    probability: Floats = 1.0 - (1.0 + _FRAILTY * hazard) ** (-1.0 / _FRAILTY)
    return probability


def labels(rng: np.random.Generator, matrix: Floats) -> Integers:
    """Return a label for each row: 1 (fraud) with its true probability, else 0."""
    return (rng.random(len(matrix)) < true_probability(matrix)).astype(np.int64)


def _draw_hours(rng: np.random.Generator, count: int) -> Integers:
    return np.searchsorted(_HOUR_CUMULATIVE, rng.random(count), side="right").astype(np.int64, copy=False)
