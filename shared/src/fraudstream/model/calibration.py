"""Calibration of probabilities by one strictly increasing function, which keeps the order of payments."""

from dataclasses import dataclass

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.model.classifier import SMALLEST, Classifier
from fraudstream.model.curves import logistic_function


def unwrapped(classifier: Classifier) -> tuple[Classifier, float]:
    """Return the classifier inside its calibrations, and the factor that they multiply its log-odds by.

    A calibration whose `rise` and `fall` are equal is linear in the log-odds. Any other one counts as the factor 1.
    """
    factor = 1.0
    while isinstance(classifier, Calibrated):
        factor *= classifier.rise if classifier.rise == classifier.fall else 1.0
        classifier = classifier.classifier
    return classifier, factor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibrated:
    """A classifier whose probability p is mapped to the log-odds rise * ln p - fall * ln(1 - p) + shift.

    This is beta calibration; with rise = fall it is Platt scaling of log-odds; 1, 1, 0 is the identity.
    """

    classifier: Classifier
    rise: float
    """Above zero."""
    fall: float
    """Above zero."""
    shift: float

    @property
    def classes_(self) -> Integers:
        """Labels of the two columns of `predict_proba`, as in scikit-learn."""
        return np.array([0, 1])

    def predict_proba(self, matrix: Floats) -> Floats:
        """Return the probabilities of no fraud and of fraud, shape (n, 2)."""
        fraud = self.calibrate(self.classifier.predict_proba(matrix)[:, 1])
        return np.column_stack([1.0 - fraud, fraud])

    def calibrate(self, fraud: Floats) -> Floats:
        """Return the calibrated probability for each one of `fraud`."""
        return calibrate(fraud, rise=self.rise, fall=self.fall, shift=self.shift)


def calibrate(fraud: Floats, *, rise: float, fall: float, shift: float) -> Floats:
    """Return the calibrated probability for each one of `fraud`, by the function of `Calibrated`."""
    fraud = np.clip(fraud, SMALLEST, 1.0 - SMALLEST)
    return logistic_function(rise * np.log(fraud) - fall * np.log1p(-fraud) + shift)
