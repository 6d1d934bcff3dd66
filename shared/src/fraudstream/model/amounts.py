"""The amounts of payments, which costs are counted in. Pure."""

import numpy as np

from fraudstream.arrays import Floats
from fraudstream.payment import Payments
from fraudstream.payment_schema import PaymentSchema


def amounts_of(schema: PaymentSchema, payments: Payments) -> Floats:
    """Return the amount of each payment; 0 where it is missing, and everywhere in a schema without an amount."""
    if schema.amount is None:
        return np.zeros(len(payments[schema.id]))
    return np.nan_to_num(np.array(payments[schema.amount], dtype=np.float64), copy=False)
