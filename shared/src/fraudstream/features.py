"""Payments → the matrix that a model sees. The column order here is the one for training and for serving."""

from collections.abc import Iterable
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from fraudstream.events import Payment

FEATURES = ("amount", "country_risk_score", "failed_logins", "transaction_hour", "is_new_device")

_row = itemgetter(*FEATURES)


def matrix(payments: Iterable[Payment]) -> NDArray[np.float64]:
    """The feature matrix of `payments`, shape (n, 5), columns in the order of FEATURES."""
    return np.array(list(map(_row, payments)), dtype=np.float64).reshape(-1, len(FEATURES))
