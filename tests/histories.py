"""Histories made by a test itself."""

import numpy as np

from fraudstream.arrays import Floats, Integers
from fraudstream.model.encoding import Encoding
from fraudstream.payment_schema import PaymentSchema
from tests.default_payment import ENCODING, SCHEMA
from trainer.history import History


def history_of(
    matrix: Floats,
    labels: Integers,
    *,
    schema: PaymentSchema = SCHEMA,
    encoding: Encoding = ENCODING,
    frauds: Floats | None = None,
) -> History:
    """Return the history of these payments, encoded; their amounts are those of the feature, or missing."""
    amount = schema.amount if schema.amount in encoding.names else None
    return History(
        schema=schema,
        encoding=encoding,
        matrix=matrix,
        amounts=np.full(len(labels), np.nan) if amount is None else matrix[:, encoding.names.index(amount)].copy(),
        labels=labels,
        frauds=np.empty((0, matrix.shape[1])) if frauds is None else frauds,
        count=len(labels),
        sha256="0" * 64,
    )
