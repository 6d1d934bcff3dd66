"""Candidate models for the features of any schema, simplest first; for the default schema those of `candidates`."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from fraudstream.model.curves import CurveLogit
from fraudstream.model.encoding import Encoding
from fraudstream.model.fraud_model import Classifier
from fraudstream.model.schema_curves import SchemaBasis
from trainer.candidates import PRODUCT_SCALE, STRENGTH, TREES, Candidate, Fit, logistic
from trainer.history import Floats, Integers

__all__ = ["candidates"]

_FEW_PAIRS, _MOST_PAIRS = 10, 66
"""All pairs of five and of twelve features, see `_pairs`."""
_SIGNIFICANT = 7.88
"""The score statistic that one product in 200 without an effect exceeds: the 99.5 % quantile of chi squared."""
_LEAST_VARIANCE = 1e-4
"""Of the log-odds of a category's levels: a category without an effect has nearly none in the model."""
_LARGEST_EXPONENT = 500.0
_TINY = np.finfo(np.float64).tiny


def candidates(encoding: Encoding) -> list[Candidate]:
    """Return all candidates for matrices of `encoding`, those that are simplest and fastest to score first."""
    return [
        Candidate(name="lines", fit=_lines(encoding)),
        Candidate(name="curves_and_products", fit=_curves_and_products(encoding, knots=3, strength=STRENGTH)),
        Candidate(name="curves_and_products_fine", fit=_curves_and_products(encoding, knots=6, strength=1.0)),
        Candidate(name="boosting", fit=_boosting(encoding)),
    ]


def _lines(encoding: Encoding) -> Fit:
    """Build a logistic regression with one straight line per feature; one wave per period; one weight per level."""

    def fit(matrix: Floats, labels: Integers, _seed: int) -> CurveLogit:
        basis = _basis(encoding, matrix, labels, knots=2, harmonics=1, strength=STRENGTH)
        columns = basis.expand(matrix)
        intercept, weights = logistic(columns, labels, STRENGTH)
        features = len(encoding.fields)
        return CurveLogit(
            basis=basis,
            intercept=intercept,
            weights=weights,
            curves=np.zeros((columns.shape[1], features)),
            shift=np.zeros(features),
            pairs=np.zeros((features, features)),
        )

    return fit


def _curves_and_products(encoding: Encoding, *, knots: int, strength: float) -> Fit:
    """Build two logistic regressions: on a basis, for one curve per feature; then with products of two curves."""

    def fit(matrix: Floats, labels: Integers, _seed: int) -> CurveLogit:
        basis = _basis(encoding, matrix, labels, knots=knots, harmonics=2, strength=strength)
        columns = basis.expand(matrix)
        first_intercept, first_weights = logistic(columns, labels, STRENGTH)
        curves = _curves(basis, columns, first_weights)
        shift = (columns @ curves).mean(axis=0)
        shifted = columns @ curves - shift
        fraud = _probabilities(first_intercept + columns @ first_weights)
        firsts, seconds = _pairs(shifted, labels, fraud)
        width = columns.shape[1]
        design = np.empty((len(columns), width + len(firsts)))
        design[:, :width] = columns
        for place, (first, second) in enumerate(zip(firsts, seconds, strict=True), start=width):
            design[:, place] = PRODUCT_SCALE * shifted[:, first] * shifted[:, second]
        intercept, weights = logistic(design, labels, strength)
        pairs = np.zeros((len(encoding.fields), len(encoding.fields)))
        pairs[firsts, seconds] = PRODUCT_SCALE * weights[width:]
        return CurveLogit(
            basis=basis, intercept=intercept, weights=weights[:width].copy(), curves=curves, shift=shift, pairs=pairs
        )

    return fit


def _basis(
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
    fraud = _probabilities(intercept + columns @ weights)
    scales = {}
    for number in categories:
        codes = matrix[:, number].astype(np.int64)
        scores = np.bincount(codes, labels - fraud)
        information = np.bincount(codes, fraud * (1.0 - fraud))
        variance = (scores * scores - information).sum() / max((information * information).sum(), _TINY)
        scales[number] = float(np.sqrt(strength / max(variance, _LEAST_VARIANCE)))
    return basis.scaled(scales)


def _probabilities(log_odds: Floats) -> Floats:
    probabilities: Floats = 1.0 / (1.0 + np.exp(np.clip(-log_odds, -_LARGEST_EXPONENT, _LARGEST_EXPONENT)))
    return probabilities


def _curves(basis: SchemaBasis, columns: Floats, weights: Floats) -> Floats:
    """Return the weights of one curve per feature, each with a standard deviation of 1 over these payments."""
    curves = np.zeros((columns.shape[1], len(basis.groups)))
    for feature, group in enumerate(basis.groups):
        curve = columns[:, group] @ weights[group]
        curves[group, feature] = weights[group] / max(float(curve.std()), 1e-9)
    return curves


def _pairs(curves: Floats, labels: Integers, fraud: Floats) -> tuple[Integers, Integers]:
    """Return the pairs of features whose products enter the model.

    Of up to five features all do. Of more, the significant ones do, at most the 66 strongest, by the statistic of Rao's
    score test of a product z: (sum of z (label - p))^2 / sum of z^2 p (1 - p), at the probabilities p = `fraud` without
    products. All 36 products of nine features that add up cost 0.7 % of log loss in 20,000 payments.
    """
    firsts, seconds = np.triu_indices(curves.shape[1], k=1)
    if len(firsts) <= _FEW_PAIRS:
        return firsts, seconds
    squares = curves * curves
    scores = (curves.T * (labels - fraud)) @ curves
    variances = (squares.T * (fraud * (1.0 - fraud))) @ squares
    statistics = (scores * scores / np.maximum(variances, _TINY))[firsts, seconds]
    strongest = np.argsort(-statistics, kind="stable")[:_MOST_PAIRS]
    chosen = np.sort(strongest[statistics[strongest] > _SIGNIFICANT])
    return firsts[chosen], seconds[chosen]


def _boosting(encoding: Encoding) -> Fit:
    """Build boosted trees, which split levels into two sets, and send missing values to either side."""
    categorical = [one.kind == "category" for one in encoding.fields]

    def fit(matrix: Floats, labels: Integers, seed: int) -> Classifier:
        trees = HistGradientBoostingClassifier(**TREES, categorical_features=categorical, random_state=seed)
        classifier: Classifier = trees.fit(matrix, labels)
        return classifier

    return fit
