"""Payments → the matrix that a model sees. The column order here is the one for training and for serving."""

import numpy as np
from numpy.typing import NDArray

from fraudstream.payment import Payments

FEATURES = ("amount", "country_risk_score", "failed_logins", "transaction_hour", "is_new_device")


def matrix(payments: Payments) -> NDArray[np.float64]:
    """The feature matrix of `payments`, shape (n, 5), columns in the order of FEATURES."""
    by_feature = np.array([getattr(payments, feature) for feature in FEATURES], dtype=np.float64)
    return np.ascontiguousarray(by_feature.T)
