"""Warnings about a history that is valid, but from which less can be learned than its size suggests."""

import numpy as np
import structlog

from fraudstream.arrays import Floats
from trainer.history import History

_FEW_FRAUDS = 100
_REPEATED_SHARE, _FEWEST_DIFFERENT = 0.05, 0.01
_MOST_ROWS = 200_000
_MISSING = -1.5


def warn(history: History) -> None:
    """Log each warning that applies."""
    log = structlog.get_logger()
    if (frauds := history.fraud_count) < _FEW_FRAUDS:
        log.warning(
            "few frauds in the history",
            frauds=frauds,
            meaning="probabilities and metrics are uncertain",
            action="add more",
        )
    if names := constant(history):
        log.warning(
            "features with one value",
            features=", ".join(names),
            meaning="no model can learn from them, and other values are scored like this one",
            action="check the column, or set feature = false",
        )
    if history.has_amounts and np.isnan(history.amounts).all():
        log.warning(
            "no payment of the history has an amount",
            meaning="each counts as 0 in the costs, and fixed thresholds decide on payments without an amount",
            action="check the column",
        )
    share = repeated(history)
    if share > _REPEATED_SHARE:
        log.warning(
            "rows repeat in the history",
            share=round(share, 4),
            meaning="the hold-out is not independent: its metrics are better than those of new payments",
            action="remove repeated rows",
        )


def constant(history: History) -> list[str]:
    """Return the features that have the same value, or none, in all payments."""
    columns = zip(history.encoding.names, history.matrix.T, strict=True)
    return [name for name, column in columns if (column == column[0]).all() or np.isnan(column).all()]


def repeated(history: History) -> float:
    """Return the share of payments whose features and amount are those of an earlier one.

    0 if no column has many different values: then equal payments are equal by chance.
    """
    matrix = np.column_stack([history.matrix[:_MOST_ROWS], history.amounts[:_MOST_ROWS]])
    matrix = np.where(np.isnan(matrix), _MISSING, matrix)
    if max(len(np.unique(column)) for column in matrix.T) < _FEWEST_DIFFERENT * len(matrix):
        return 0.0
    return 1.0 - len(np.unique(_fingerprints(matrix))) / len(matrix)


def _fingerprints(matrix: Floats) -> Floats:
    """Return a number for each row, different for different rows but by a chance of 1 in 10^15."""
    mixed = np.sin(matrix * np.arange(1.0, matrix.shape[1] + 1.0))
    # no product of matrices: its sums may differ in the last bit between equal rows
    fingerprints: Floats = (mixed * np.random.default_rng(0).uniform(1.0, 2.0, matrix.shape[1])).sum(axis=1)
    return fingerprints
