"""Whether probabilities say what happens, and one rising function that mends them where they don't."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from fraudstream.model.calibration import Calibrated
from fraudstream.model.fraud_model import SMALLEST, Classifier
from trainer.fit import log_losses

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BINS = 20
_DEVIATIONS = 3.0
_UNPENALISED = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """The calibration error of some probabilities, beside what chance alone would give right ones."""

    error: float
    """Mean distance between predicted and observed rate, over 20 bins of as many payments each, ordered by score."""
    by_chance: float
    """What `error` would be on average, were the probabilities right."""
    spread: float
    """The standard deviation of that."""

    @property
    def right(self) -> bool:
        """Whether chance explains the error."""
        return self.error <= self.by_chance + _DEVIATIONS * self.spread


def bins(fraud: Floats) -> list[Integers]:
    """Row numbers of 20 groups of as many payments each, from the least suspicious on; fewer for fewer payments."""
    return [part for part in np.array_split(np.argsort(fraud, kind="stable"), _BINS) if len(part)]


def reliability(outcomes: Floats, fraud: Floats) -> Reliability:
    """Of probabilities `fraud`; `outcomes` may be 0 and 1, or true probabilities."""
    parts = bins(fraud)
    shares = np.array([len(part) for part in parts]) / len(fraud)
    gaps = np.array([abs(outcomes[part].mean() - fraud[part].mean()) for part in parts])
    # a bin's gap is nearly normal around 0: the mean of its size is sqrt(2 / pi) of its deviation
    deviations = np.array([np.sqrt((fraud[part] * (1.0 - fraud[part])).sum()) / len(part) for part in parts])
    return Reliability(
        error=float(shares @ gaps),
        by_chance=float(np.sqrt(2.0 / np.pi) * (shares @ deviations)),
        spread=float(np.sqrt((1.0 - 2.0 / np.pi) * (shares**2 @ deviations**2))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """The function of `Calibrated`, without a classifier."""

    rise: float
    fall: float
    shift: float

    def of(self, classifier: Classifier) -> Calibrated:
        """The classifier with its probabilities mended."""
        return Calibrated(classifier=classifier, rise=self.rise, fall=self.fall, shift=self.shift)


def mend(labels: Integers, fraud: Floats) -> Mend | None:
    """What mends out-of-fold probabilities, or None where they need nothing or nothing would help."""
    if reliability(labels.astype(np.float64), fraud).right:
        return None
    found = _beta(labels, fraud)
    gains = log_losses(labels, fraud) - log_losses(labels, apply(found, fraud))
    return found if gains.mean() > gains.std() / np.sqrt(len(gains)) else None


def apply(found: Mend | None, fraud: Floats) -> Floats:
    """The probabilities, mended where there is something to mend."""
    return fraud if found is None else found.of(_Nothing()).calibrate(fraud)


class _Nothing:
    """Stands where only the function is needed."""

    def predict_proba(self, matrix: Floats, /) -> Floats:
        raise NotImplementedError


def _beta(labels: Integers, fraud: Floats) -> Mend:
    fraud = np.clip(fraud, SMALLEST, 1.0 - SMALLEST)
    parts = np.column_stack([np.log(fraud), -np.log1p(-fraud)])
    regression = LogisticRegression(C=_UNPENALISED).fit(parts, labels)
    rise, fall = regression.coef_[0].tolist()
    if rise > 0.0 and fall > 0.0:
        return Mend(rise=rise, fall=fall, shift=float(regression.intercept_[0]))
    regression = LogisticRegression(C=_UNPENALISED).fit(parts.sum(axis=1, keepdims=True), labels)
    slope = max(float(regression.coef_[0, 0]), SMALLEST)
    return Mend(rise=slope, fall=slope, shift=float(regression.intercept_[0]))
