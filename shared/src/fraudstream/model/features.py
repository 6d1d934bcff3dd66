"""The feature matrix of payments, with the same column order in training and in serving."""

import numpy as np
from numpy.typing import NDArray

from fraudstream.payment import Payments

FEATURES = ("amount", "country_risk_score", "failed_logins", "transaction_hour", "is_new_device")


def matrix(payments: Payments) -> NDArray[np.float64]:
    """Return the feature matrix of `payments`, shape (n, 5), columns in the order of FEATURES."""
    by_feature = np.array([payments[feature] for feature in FEATURES], dtype=np.float64)
    return np.ascontiguousarray(by_feature.T)
