"""Calibration: the error of probabilities against outcomes, and a rising function that corrects it where needed."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from fraudstream.arrays import Floats, Integers
from fraudstream.model.calibration import Calibrated, calibrate
from fraudstream.model.fraud_model import SMALLEST, Classifier
from trainer.fit import log_losses

_BINS = 20
_DEVIATIONS = 3.0
_UNPENALISED = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """The calibration error of probabilities, and the error that correct probabilities would have by chance."""

    error: float
    """Mean distance between predicted and observed rate, over 20 bins of equal size, ordered by score."""
    by_chance: float
    """Mean of `error` for correct probabilities."""
    spread: float
    """Standard deviation of `error` for correct probabilities."""

    @property
    def right(self) -> bool:
        """Whether chance explains the error."""
        return self.error <= self.by_chance + _DEVIATIONS * self.spread


def bins(fraud: Floats) -> list[Integers]:
    """Return the row numbers of 20 groups of equal size by ascending score; fewer groups for under 20 payments."""
    return [part for part in np.array_split(np.argsort(fraud, kind="stable"), _BINS) if len(part)]


def reliability(outcomes: Floats, fraud: Floats) -> Reliability:
    """Return the reliability of probabilities `fraud`; `outcomes` are 0 and 1, or true probabilities."""
    parts = bins(fraud)
    shares = np.array([len(part) for part in parts]) / len(fraud)
    gaps = np.array([abs(outcomes[part].mean() - fraud[part].mean()) for part in parts])
    # a bin's gap is nearly normal around 0: its mean absolute value is sqrt(2 / pi) of its standard deviation
    deviations = np.array([np.sqrt((fraud[part] * (1.0 - fraud[part])).sum()) / len(part) for part in parts])
    return Reliability(
        error=float(shares @ gaps),
        by_chance=float(np.sqrt(2.0 / np.pi) * (shares @ deviations)),
        spread=float(np.sqrt((1.0 - 2.0 / np.pi) * (shares**2 @ deviations**2))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationFunction:
    """The function of `Calibrated`, without a classifier."""

    rise: float
    fall: float
    shift: float

    def of(self, classifier: Classifier) -> Calibrated:
        """Return the classifier with calibrated probabilities."""
        return Calibrated(classifier=classifier, rise=self.rise, fall=self.fall, shift=self.shift)


def fit_function(labels: Integers, fraud: Floats) -> CalibrationFunction | None:
    """Fit a calibration to out-of-fold probabilities; None if chance explains their error, or if it gains too little.

    The gain in log loss must exceed one standard error.
    """
    if reliability(labels.astype(np.float64), fraud).right:
        return None
    function = _beta(labels, fraud)
    gains = log_losses(labels, fraud) - log_losses(labels, apply(function, fraud))
    return function if gains.mean() > gains.std() / np.sqrt(len(gains)) else None


def apply(function: CalibrationFunction | None, fraud: Floats) -> Floats:
    """Return the calibrated probabilities, or `fraud` itself without a function."""
    if function is None:
        return fraud
    return calibrate(fraud, rise=function.rise, fall=function.fall, shift=function.shift)


def _beta(labels: Integers, fraud: Floats) -> CalibrationFunction:
    fraud = np.clip(fraud, SMALLEST, 1.0 - SMALLEST)
    parts = np.column_stack([np.log(fraud), -np.log1p(-fraud)])
    regression = LogisticRegression(C=_UNPENALISED).fit(parts, labels)
    rise, fall = regression.coef_[0].tolist()
    if rise > 0.0 and fall > 0.0:
        return CalibrationFunction(rise=rise, fall=fall, shift=float(regression.intercept_[0]))
    regression = LogisticRegression(C=_UNPENALISED).fit(parts.sum(axis=1, keepdims=True), labels)
    slope = max(float(regression.coef_[0, 0]), SMALLEST)
    return CalibrationFunction(rise=slope, fall=slope, shift=float(regression.intercept_[0]))
