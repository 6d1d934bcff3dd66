"""Probabilities mended by one strictly rising function: the order of payments stays, only the numbers move."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraudstream.model.fraud_model import SMALLEST, Classifier

Floats = NDArray[np.float64]

_LARGEST_EXPONENT = 500.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibrated:
    """A classifier whose probability p becomes that of log-odds rise * ln p - fall * ln(1 - p) + shift.

    This is beta calibration; with rise = fall it is Platt's, on log-odds. 1, 1, 0 would change nothing.
    """

    classifier: Classifier
    rise: float
    """Above zero."""
    fall: float
    """Above zero."""
    shift: float

    @property
    def classes_(self) -> NDArray[np.int64]:
        """What the two columns of `predict_proba` stand for, as scikit-learn says it."""
        return np.array([0, 1])

    def predict_proba(self, matrix: Floats) -> Floats:
        """Probabilities of no fraud and of fraud, shape (n, 2)."""
        fraud = self.mend(self.classifier.predict_proba(matrix)[:, 1])
        return np.column_stack([1.0 - fraud, fraud])

    def mend(self, fraud: Floats) -> Floats:
        """The probability that each one of `fraud` becomes."""
        fraud = np.clip(fraud, SMALLEST, 1.0 - SMALLEST)
        log_odds = self.rise * np.log(fraud) - self.fall * np.log1p(-fraud) + self.shift
        mended: Floats = 1.0 / (1.0 + np.exp(np.clip(-log_odds, -_LARGEST_EXPONENT, _LARGEST_EXPONENT)))
        return mended
