"""The amounts of payments, which costs are counted in. Pure."""

import numpy as np

from fraudstream.arrays import Floats
from fraudstream.payment import Payments
from fraudstream.payment_schema import PaymentSchema


def amounts_of(schema: PaymentSchema, payments: Payments) -> Floats:
    """Return the amount of each payment; NaN where it is missing, and everywhere in a schema without an amount."""
    if schema.amount is None:
        return np.full(len(payments[schema.id]), np.nan)
    amounts = payments[schema.amount]
    # None becomes NaN
    return np.fromiter(amounts, np.float64, len(amounts))
