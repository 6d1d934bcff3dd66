"""Candidate models, simplest first: each a function (matrix, labels, seed) → classifier."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from fraudstream.model.curves import Basis, CurveLogit
from fraudstream.model.features import FEATURES
from fraudstream.model.fraud_model import Classifier
from trainer.sampling import at_most

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Fit = Callable[[Floats, Integers, int], Classifier]

_STRENGTH = 0.1
# the penalty on a product of two curves is stronger than that on a curve
_PRODUCT_SCALE = 0.3
# more rows cost gigabytes and change only the sixth decimal
_MOST_ROWS_OF_ALL_PRODUCTS = 300_000
_MOST_ROWS_OF_A_TREE = 50_000
# probability never decreases with country risk, failed logins or a new device; with amount and hour it may do both
_RISING = {"country_risk_score": 1, "failed_logins": 1, "is_new_device": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model to compare: its name, and how to fit it to (matrix, labels, seed)."""

    name: str
    fit: Fit


def candidates() -> list[Candidate]:
    """Return all candidates, those that are simplest and fastest to score first."""
    return [
        Candidate(name="lines", fit=_curves(knots=2, harmonics=1)),
        Candidate(name="curves", fit=_curves(knots=4, harmonics=2)),
        Candidate(name="curves_and_products", fit=_curves_and_products(knots=3, harmonics=2, strength=_STRENGTH)),
        Candidate(name="curves_and_products_loose", fit=_curves_and_products(knots=3, harmonics=2, strength=1.0)),
        Candidate(name="curves_and_products_fine", fit=_curves_and_products(knots=6, harmonics=2, strength=1.0)),
        Candidate(name="all_products", fit=_all_products(knots=3, harmonics=1)),
        Candidate(name="all_products_fine", fit=_all_products(knots=4, harmonics=2)),
        Candidate(name="monotonic_boosting", fit=_monotonic_boosting),
        Candidate(name="boosting", fit=_boosting),
        Candidate(name="forest", fit=_forest),
    ]


def _curves(*, knots: int, harmonics: int) -> Fit:
    """Build logistic regression on a basis."""

    def fit(matrix: Floats, labels: Integers, _seed: int) -> CurveLogit:
        basis = Basis.of(matrix, knots=knots, harmonics=harmonics)
        columns = basis.expand(matrix)
        intercept, weights = _logistic(columns, labels, _STRENGTH)
        no_curves = np.zeros((columns.shape[1], len(FEATURES)))
        return CurveLogit(
            basis=basis,
            intercept=intercept,
            weights=weights,
            curves=no_curves,
            shift=np.zeros(len(FEATURES)),
            pairs=np.zeros((len(FEATURES), len(FEATURES))),
        )

    return fit


def _curves_and_products(*, knots: int, harmonics: int, strength: float) -> Fit:
    """Build two logistic regressions: on a basis, for one curve per field; then with products of each two curves."""

    def fit(matrix: Floats, labels: Integers, _seed: int) -> CurveLogit:
        basis = Basis.of(matrix, knots=knots, harmonics=harmonics)
        columns = basis.expand(matrix)
        _, weights = _logistic(columns, labels, _STRENGTH)
        curves = np.zeros((columns.shape[1], len(FEATURES)))
        for field, group in enumerate(basis.groups):
            curve = columns[:, group] @ weights[group]
            curves[group, field] = weights[group] / max(float(curve.std()), 1e-9)
        shift = (columns @ curves).mean(axis=0)
        first, second = np.triu_indices(len(FEATURES), k=1)
        return _with_products(basis, columns, labels, strength, curves, shift, (first, second))

    return fit


def _all_products(*, knots: int, harmonics: int) -> Fit:
    """Build one logistic regression on a basis and the products of each two columns of different fields."""

    def fit(matrix: Floats, labels: Integers, seed: int) -> CurveLogit:
        matrix, labels = at_most(_MOST_ROWS_OF_ALL_PRODUCTS, matrix, labels, seed)
        basis = Basis.of(matrix, knots=knots, harmonics=harmonics)
        columns = basis.expand(matrix)
        width = columns.shape[1]
        field = np.repeat(np.arange(len(FEATURES)), [group.stop - group.start for group in basis.groups])
        first, second = np.nonzero(np.triu(field[:, None] != field[None, :]))
        return _with_products(basis, columns, labels, 3 * _STRENGTH, np.eye(width), np.zeros(width), (first, second))

    return fit


def _with_products(
    basis: Basis,
    columns: Floats,
    labels: Integers,
    strength: float,
    curves: Floats,
    shift: Floats,
    pairs: tuple[Integers, Integers],
) -> CurveLogit:
    shifted = columns @ curves - shift
    width = columns.shape[1]
    design = np.empty((len(columns), width + len(pairs[0])))
    design[:, :width] = columns
    for place, (first, second) in enumerate(zip(*pairs, strict=True), start=width):
        design[:, place] = _PRODUCT_SCALE * shifted[:, first] * shifted[:, second]
    intercept, both = _logistic(design, labels, strength)
    weighted = np.zeros((len(shift), len(shift)))
    weighted[pairs] = _PRODUCT_SCALE * both[width:]
    return CurveLogit(
        basis=basis, intercept=intercept, weights=both[:width].copy(), curves=curves, shift=shift, pairs=weighted
    )


def _logistic(columns: Floats, labels: Integers, strength: float) -> tuple[float, Floats]:
    regression = LogisticRegression(C=strength, solver="newton-cholesky", max_iter=200)
    regression.fit(columns, labels)
    return float(regression.intercept_[0]), np.ascontiguousarray(regression.coef_[0])


def _monotonic_boosting(matrix: Floats, labels: Integers, seed: int) -> Classifier:
    return _boosted(matrix, labels, seed, rising=[_RISING.get(name, 0) for name in FEATURES])


def _boosting(matrix: Floats, labels: Integers, seed: int) -> Classifier:
    return _boosted(matrix, labels, seed, rising=None)


def _boosted(matrix: Floats, labels: Integers, seed: int, *, rising: list[int] | None) -> Classifier:
    classifier: Classifier = HistGradientBoostingClassifier(
        max_iter=150,
        learning_rate=0.05,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        l2_regularization=5.0,
        monotonic_cst=rising,
        early_stopping=False,
        random_state=seed,
    ).fit(matrix, labels)
    return classifier


def _forest(matrix: Floats, labels: Integers, seed: int) -> Classifier:
    classifier: Classifier = RandomForestClassifier(
        n_estimators=50,
        min_samples_leaf=10,
        max_features=2,
        max_samples=min(len(labels), _MOST_ROWS_OF_A_TREE),
        random_state=seed,
        n_jobs=1,
    ).fit(matrix, labels)
    return classifier
