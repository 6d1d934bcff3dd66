"""Candidate models, simplest first: each a function (matrix, labels, seed) → classifier."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from fraudstream.model.curves import Basis, CurveLogit
from fraudstream.model.features import FEATURES
from fraudstream.model.fraud_model import Classifier
from trainer.history import Floats, Integers

Fit = Callable[[Floats, Integers, int], Classifier]

STRENGTH = 0.1
"""Inverse of the penalty on a curve."""
PRODUCT_SCALE = 0.3
"""Size of a product's column: the penalty on a product of two curves is stronger than that on a curve."""
TREES: Mapping[str, Any] = {
    "max_iter": 150,
    "learning_rate": 0.05,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 40,
    "l2_regularization": 5.0,
    "early_stopping": False,
}
"""Options of the boosted trees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model to compare: its name, and how to fit it to (matrix, labels, seed)."""

    name: str
    fit: Fit


def candidates() -> list[Candidate]:
    """Return all candidates, those that are simplest and fastest to score first."""
    return [
        Candidate(name="lines", fit=_lines),
        Candidate(name="curves_and_products", fit=_curves_and_products(knots=3, strength=STRENGTH)),
        Candidate(name="curves_and_products_fine", fit=_curves_and_products(knots=6, strength=1.0)),
        Candidate(name="boosting", fit=_boosting),
    ]


def _lines(matrix: Floats, labels: Integers, _seed: int) -> CurveLogit:
    """Fit a logistic regression with one straight line per field; for the hour, one wave per day."""
    basis = Basis.of(matrix, knots=2, harmonics=1)
    columns = basis.expand(matrix)
    intercept, weights = logistic(columns, labels, STRENGTH)
    fields = len(FEATURES)
    return CurveLogit(
        basis=basis,
        intercept=intercept,
        weights=weights,
        curves=np.zeros((columns.shape[1], fields)),
        shift=np.zeros(fields),
        pairs=np.zeros((fields, fields)),
    )


def _curves_and_products(*, knots: int, strength: float) -> Fit:
    """Build two logistic regressions: on a basis, for one curve per field; then with products of each two curves."""

    def fit(matrix: Floats, labels: Integers, _seed: int) -> CurveLogit:
        basis = Basis.of(matrix, knots=knots, harmonics=2)
        columns = basis.expand(matrix)
        curves = _curves(basis, columns, labels)
        shift = (columns @ curves).mean(axis=0)
        shifted = columns @ curves - shift
        couples = np.triu_indices(len(FEATURES), k=1)
        width = columns.shape[1]
        design = np.empty((len(columns), width + len(couples[0])))
        design[:, :width] = columns
        for place, (first, second) in enumerate(zip(*couples, strict=True), start=width):
            design[:, place] = PRODUCT_SCALE * shifted[:, first] * shifted[:, second]
        intercept, weights = logistic(design, labels, strength)
        pairs = np.zeros((len(FEATURES), len(FEATURES)))
        pairs[couples] = PRODUCT_SCALE * weights[width:]
        return CurveLogit(
            basis=basis, intercept=intercept, weights=weights[:width].copy(), curves=curves, shift=shift, pairs=pairs
        )

    return fit


def _curves(basis: Basis, columns: Floats, labels: Integers) -> Floats:
    """Return the weights of one curve per field, each with a standard deviation of 1 over these payments."""
    _, weights = logistic(columns, labels, STRENGTH)
    curves = np.zeros((columns.shape[1], len(FEATURES)))
    for field, group in enumerate(basis.groups):
        curve = columns[:, group] @ weights[group]
        curves[group, field] = weights[group] / max(float(curve.std()), 1e-9)
    return curves


def logistic(columns: Floats, labels: Integers, strength: float) -> tuple[float, Floats]:
    """Return the intercept and the weights of a logistic regression; a higher strength C weakens the penalty."""
    regression = LogisticRegression(C=strength, solver="newton-cholesky", max_iter=200)
    regression.fit(columns, labels)
    return float(regression.intercept_[0]), np.ascontiguousarray(regression.coef_[0])


def _boosting(matrix: Floats, labels: Integers, seed: int) -> Classifier:
    classifier: Classifier = HistGradientBoostingClassifier(**TREES, random_state=seed).fit(matrix, labels)
    return classifier
