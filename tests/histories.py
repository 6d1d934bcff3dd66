"""Histories made by a test itself."""

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.model.encoding import Encoding
from fraudstream.payment_schema import PaymentSchema
from tests.default_payment import ENCODING, SCHEMA
from trainer.history import History


def history_of(
    matrix: Floats, labels: Integers, *, schema: PaymentSchema = SCHEMA, encoding: Encoding = ENCODING
) -> History:
    """Return the history of these payments, encoded; their amount is a feature, or there is none."""
    amount = schema.amount
    return History(
        schema=schema,
        encoding=encoding,
        matrix=matrix,
        amounts=np.full(len(labels), np.nan) if amount is None else matrix[:, encoding.names.index(amount)].copy(),
        labels=labels,
        frauds=np.empty((0, matrix.shape[1])),
        count=len(labels),
        sha256="0" * 64,
    )
