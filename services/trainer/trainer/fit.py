"""The middle of training: candidates compared by cross-validation; the simplest that is as good wins."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split

from fraudstream.curves import Basis, CurveLogit
from fraudstream.features import FEATURES
from fraudstream.model import SMALLEST, Classifier

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Fit = Callable[[Floats, Integers, int], Classifier]

# raise it when the same history and seed would give another model than before: kept versions then no longer match
RECIPE = 2

MOST_ROWS_COMPARED = 200_000

_FOLDS, _REPEATS = 5, 2
_STRENGTH = 0.1
# riskier country, more failed logins, a new device: never less suspicious; amount and hour may go either way
_RISING = {"country_risk_score": 1, "failed_logins": 1, "is_new_device": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A way to learn a classifier from (matrix, labels, seed)."""

    name: str
    fit: Fit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """A candidate's mean log loss on payments that it was not fitted to, and how far that is from the best's."""

    candidate: Candidate
    log_loss: float
    excess: float
    standard_error: float
    """Of `excess`, from the payments' paired differences."""
    fraud: Floats
    """Each payment's probability under a model that was not fitted to it."""

    @property
    def as_good_as_the_best(self) -> bool:
        """Whether the difference is within one standard error."""
        return self.excess <= self.standard_error


def candidates() -> list[Candidate]:
    """Simplest and fastest first."""
    return [
        Candidate(name="lines", fit=_curve_logit(knots=2, harmonics=1, products=False)),
        Candidate(name="curves", fit=_curve_logit(knots=4, harmonics=2, products=False)),
        Candidate(name="curves_and_products", fit=_curve_logit(knots=4, harmonics=2, products=True)),
        Candidate(name="monotonic_boosting", fit=_boosting),
    ]


def compare(matrix: Floats, labels: Integers, seed: int) -> list[Comparison]:
    """Cross-validate each candidate on the same folds, in the order of `candidates`."""
    tried = candidates()
    fraud = np.array([_out_of_fold(candidate, matrix, labels, seed) for candidate in tried])
    losses = np.array([[log_losses(labels, repeat) for repeat in one] for one in fraud]).mean(axis=1)
    differences = losses - losses[np.argmin(losses.mean(axis=1))]
    errors = differences.std(axis=1) / np.sqrt(len(labels))
    return [
        Comparison(
            candidate=candidate,
            log_loss=float(losses[index].mean()),
            excess=float(differences[index].mean()),
            standard_error=float(errors[index]),
            fraud=fraud[index, 0],
        )
        for index, candidate in enumerate(tried)
    ]


def choose(comparisons: list[Comparison]) -> Comparison:
    """The first, so simplest, that is as good as the best."""
    return next(comparison for comparison in comparisons if comparison.as_good_as_the_best)


def at_most(rows: int, matrix: Floats, labels: Integers, seed: int) -> tuple[Floats, Integers]:
    """A part of `rows` payments where there are more, frauds with their share in it."""
    if len(labels) <= rows:
        return matrix, labels
    kept, _ = train_test_split(np.arange(len(labels)), train_size=rows, stratify=labels, random_state=seed)
    return matrix[kept], labels[kept]


def log_losses(labels: Integers, fraud: Floats) -> Floats:
    """Each payment's log loss."""
    fraud = np.clip(fraud, SMALLEST, 1.0 - SMALLEST)
    losses: Floats = -np.log(np.where(labels == 1, fraud, 1.0 - fraud))
    return losses


def _out_of_fold(candidate: Candidate, matrix: Floats, labels: Integers, seed: int) -> Floats:
    """Probabilities under models fitted without the payment, shape (repeats, n)."""
    folds = min(_FOLDS, int(labels.sum()), int((1 - labels).sum()))
    fraud = np.empty((_REPEATS, len(labels)))
    for repeat in range(_REPEATS):
        for train, test in _folds(folds, seed + repeat, labels):
            classifier = candidate.fit(matrix[train], labels[train], seed)
            fraud[repeat, test] = classifier.predict_proba(matrix[test])[:, 1]
    return fraud


def _folds(count: int, seed: int, labels: Integers) -> list[tuple[Integers, Integers]]:
    splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    return list(splitter.split(labels, labels))


def _curve_logit(*, knots: int, harmonics: int, products: bool) -> Fit:
    """Logistic regression on a basis; with products, a second one that adds products of the first's curves."""

    def fit(matrix: Floats, labels: Integers, _seed: int) -> CurveLogit:
        basis = Basis.of(matrix, knots=knots, harmonics=harmonics)
        columns = basis.expand(matrix)
        intercept, weights = _logistic(columns, labels)
        curves, shift, pairs = np.zeros((columns.shape[1], len(FEATURES))), np.zeros(len(FEATURES)), np.zeros((5, 5))
        if products:
            for field, group in enumerate(basis.groups):
                curve = columns[:, group] @ weights[group]
                curves[group, field] = weights[group] / max(float(curve.std()), 1e-9)
            shift = (columns @ curves).mean(axis=0)
            standardised = columns @ curves - shift
            first, second = np.triu_indices(len(FEATURES), k=1)
            design = np.hstack([columns, standardised[:, first] * standardised[:, second]])
            intercept, both = _logistic(design, labels)
            weights, pairs[first, second] = both[: columns.shape[1]], both[columns.shape[1] :]
        return CurveLogit(basis=basis, intercept=intercept, weights=weights, curves=curves, shift=shift, pairs=pairs)

    return fit


def _logistic(columns: Floats, labels: Integers) -> tuple[float, Floats]:
    regression = LogisticRegression(C=_STRENGTH, solver="newton-cholesky", max_iter=200)
    regression.fit(columns, labels)
    return float(regression.intercept_[0]), np.ascontiguousarray(regression.coef_[0])


def _boosting(matrix: Floats, labels: Integers, seed: int) -> Classifier:
    classifier: Classifier = HistGradientBoostingClassifier(
        max_iter=150,
        learning_rate=0.05,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        l2_regularization=5.0,
        monotonic_cst=[_RISING.get(name, 0) for name in FEATURES],
        early_stopping=False,
        random_state=seed,
    ).fit(matrix, labels)
    return classifier
