"""The basis of regressions, with a penalty on the levels of each category that suits the spread of their effects."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from fraudstream.arrays import Floats, Integers
from fraudstream.model.curves import logistic_function
from fraudstream.model.encoding import Encoding
from fraudstream.model.schema_curves import SchemaBasis

STRENGTH = 0.1
"""Inverse of the penalty on a curve."""
TINY = np.finfo(np.float64).tiny
_LEAST_VARIANCE = 1e-4
"""Of the log-odds of a category's levels: a category without an effect has nearly none in the model."""


def logistic(columns: Floats, labels: Integers, strength: float) -> tuple[float, Floats]:
    """Return the intercept and the weights of a logistic regression; a higher strength C weakens the penalty."""
    regression = LogisticRegression(C=strength, solver="newton-cholesky", max_iter=200)
    regression.fit(columns, labels)
    return float(regression.intercept_[0]), np.ascontiguousarray(regression.coef_[0])


def category_basis(
    encoding: Encoding, matrix: Floats, labels: Integers, *, knots: int, harmonics: int, strength: float
) -> SchemaBasis:
    """Return the basis in which the penalty on a category's weights suits the spread of its levels' effects.

    The weights have the prior variance `strength`, in units of their columns. The variance of the effects is estimated
    by moments of each level's score U and information I, at the probabilities p of a regression without categories:
    sum of (U^2 - I) / sum of I^2, where U = sum of (label - p) and I = sum of p (1 - p) over the level's payments.
    With one variance for all categories, 40 and 25 levels without an effect cost 0.7 % of log loss in 20,000 payments.
    """
    basis = SchemaBasis.of(encoding, matrix, knots=knots, harmonics=harmonics)
    categories = [number for number, one in enumerate(encoding.fields) if one.kind == "category"]
    if not categories:
        return basis
    columns = basis.expand(matrix)
    for number in categories:
        columns[:, basis.groups[number]] = 0.0
    intercept, weights = logistic(columns, labels, STRENGTH)
    fraud = logistic_function(intercept + columns @ weights)
    scales = {}
    for number in categories:
        codes = matrix[:, number].astype(np.int64)
        scores = np.bincount(codes, labels - fraud)
        information = np.bincount(codes, fraud * (1.0 - fraud))
        variance = (scores * scores - information).sum() / max((information * information).sum(), TINY)
        scales[number] = float(np.sqrt(strength / max(variance, _LEAST_VARIANCE)))
    return basis.scaled(scales)
