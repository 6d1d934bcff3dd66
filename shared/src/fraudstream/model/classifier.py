"""The interface of classifiers, and the resolution of the probabilities that are published."""

from typing import Protocol

from fraudstream.arrays import Floats

DECIMALS = 6
SMALLEST = 10.0**-DECIMALS


class Classifier(Protocol):
    """Interface of a classifier; its second column is the probability of fraud."""

    def predict_proba(self, matrix: Floats, /) -> Floats:
        """Return probabilities, shape (n, 2)."""
