"""The features: their order, in training and in serving, their ranges, and the matrix of payments."""

import numpy as np

from fraudstream.arrays import Floats
from fraudstream.payment import Payments
from fraudstream.payment_schema import default_schema

__all__ = ["AMOUNT", "FEATURES", "HIGHEST", "LOWEST", "matrix"]

FEATURES = ("amount", "country_risk_score", "failed_logins", "transaction_hour", "is_new_device")
AMOUNT = FEATURES.index("amount")
"""The column of the amounts, which decisions by cost need besides the probability."""
# each feature's closed range, as on the wire (`payment.Payment`); the amount is above zero
LOWEST = np.array([np.nextafter(0.0, 1.0), 0.0, 0.0, 0.0, 0.0])
HIGHEST = np.array([default_schema().fields[feature].max for feature in FEATURES], dtype=np.float64)


def matrix(payments: Payments) -> Floats:
    """Return the feature matrix of `payments`, shape (n, 5), columns in the order of FEATURES."""
    by_feature = np.array([payments[feature] for feature in FEATURES], dtype=np.float64)
    return np.ascontiguousarray(by_feature.T)
