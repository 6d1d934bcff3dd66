"""Shares of boosted trees leaf by leaf: equal to the enumeration of all coalitions, at a bounded cost."""

import time
import tracemalloc
from copy import copy
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tests.fuzz import cases
from threadpoolctl import threadpool_limits

from fraudstream.arrays import Floats
from fraudstream.errors import ModelUnfitError
from fraudstream.model.calibration import Calibrated
from fraudstream.model.classifier import Classifier
from fraudstream.model.encoding import Encoding
from fraudstream.model.fraud_model import MOST_ENUMERATED, FraudModel, Thresholds
from fraudstream.model.reasons import contributions
from fraudstream.model.tree_reasons import TreeReasons, tree_reasons
from fraudstream.payment_schema import PaymentSchema, parse

ERROR = 1e-9
SHAPES = [(1, 0), (2, 1), (3, 3), (5, 0), (6, 2), (8, 3), (10, 0), (10, 4)]
"""Numbers of features, and of categories among them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A classifier, its history, and values of each feature at which it may decide differently."""

    classifier: HistGradientBoostingClassifier
    history: Floats
    values: list[list[float]]

    def log_odds(self, matrix: Floats) -> Floats:
        """Return the log-odds of fraud in one thread."""
        with threadpool_limits(1):
            log_odds: Floats = self.classifier.decision_function(matrix)
        return log_odds

    def reasons(self, reference: Floats) -> TreeReasons:
        """Return the reasons against `reference`."""
        found = tree_reasons(self.classifier, reference)
        assert found is not None
        return found


def fit(
    features: int, categories: int, *, seed: int = 0, rows: int = 600, trees: int = 12, leaves: int = 8, missing: float
) -> Fitted:
    """Fit trees to a history with interactions, whose last feature is constant if there are more than two."""
    rng = np.random.default_rng(seed)
    history = np.round(rng.normal(size=(rows, features)), 1)
    categorical = rng.permutation(features)[:categories]
    history[:, categorical] = 3.0 * rng.integers(-2, 9, (rows, categories))
    score = np.sin(history @ rng.normal(size=features)) + history[:, 0] * history[:, -1] + rng.normal(size=rows)
    if features > 2:
        history[:, -1] = 1.0
    history[rng.random(history.shape) < missing] = np.nan
    classifier = HistGradientBoostingClassifier(
        max_iter=trees,
        max_leaf_nodes=leaves,
        min_samples_leaf=5,
        early_stopping=False,
        categorical_features=categorical if categories else None,
        random_state=seed,
    )
    with threadpool_limits(1):
        classifier.fit(history, score > np.quantile(score, 0.7))
    values = [_values(history[:, feature], feature in categorical) for feature in range(features)]
    return Fitted(classifier=classifier, history=history, values=values)


def _values(column: Floats, is_category: bool) -> list[float]:
    """Return known values, a missing one, and numbers beside the middles of neighbours, where thresholds are."""
    known = np.unique(column[~np.isnan(column)])
    if is_category:
        return [*known.tolist(), np.nan, -7.0, 0.5, 1e6]
    middles = (known[1:] + known[:-1]) / 2.0
    ties = [middles, np.nextafter(middles, np.inf), np.nextafter(middles, -np.inf)]
    return [*known.tolist(), *np.concatenate(ties).tolist(), np.nan, np.inf, -np.inf, -0.0]


@cache
def fitted(shape: tuple[int, int]) -> Fitted:
    """Fit one model of each shape."""
    return fit(*shape, missing=0.1)


@st.composite
def explained(draw: st.DrawFn) -> tuple[Fitted, Floats, Floats]:
    """Draw a model, rows and a reference; many values of a row are the reference's."""
    model = fitted(draw(st.sampled_from(SHAPES)))
    one = st.tuples(*(st.sampled_from(values) for values in model.values))
    reference = draw(one)
    row = st.tuples(*(st.sampled_from([value, *values]) for value, values in zip(reference, model.values, strict=True)))
    rows = draw(st.lists(st.one_of(row, one, st.just(reference)), min_size=1, max_size=3))
    return model, np.array(rows), np.array(reference)


@settings(max_examples=cases(300), deadline=None)
@given(explained())
def test_equals_all_coalitions(case: tuple[Fitted, Floats, Floats]) -> None:
    """Values at thresholds, missing values and unknown categories are included."""
    model, matrix, reference = case
    shares = model.reasons(reference).contributions(matrix)
    slow = contributions(model.log_odds, matrix, reference)
    assert np.abs(shares - slow).max() <= ERROR


@settings(max_examples=cases(30), deadline=None)
@given(
    features=st.integers(1, 10),
    categories=st.integers(0, 3),
    seed=st.integers(0, 2**32 - 1),
    leaves=st.sampled_from([2, 8, 31]),
    missing=st.sampled_from([0.0, 0.2]),
)
def test_random_models_equal_all_coalitions(
    features: int, categories: int, seed: int, leaves: int, missing: float
) -> None:
    """Deep trees split a feature several times on one path."""
    model = fit(features, min(features, categories), seed=seed, rows=300, trees=5, leaves=leaves, missing=missing)
    reference, *rows = model.history[:3]
    shares = model.reasons(reference).contributions(np.array(rows))
    assert np.abs(shares - contributions(model.log_odds, np.array(rows), reference)).max() <= ERROR


@settings(max_examples=cases(50), deadline=None)
@given(explained())
def test_properties(case: tuple[Fitted, Floats, Floats]) -> None:
    """Shares add up; a feature with the reference's value has a share of 0, and so has one that no tree splits."""
    model, matrix, reference = case
    reasons = model.reasons(reference)
    shares = reasons.contributions(matrix)
    assert shares.sum(axis=1) == pytest.approx(model.log_odds(matrix) - model.log_odds(reference[None]), abs=ERROR)
    same = (matrix == reference) | (np.isnan(matrix) & np.isnan(reference))
    assert np.abs(shares[same]).max(initial=0.0) <= ERROR
    assert not np.delete(shares, reasons.used, axis=1).any()


def test_rows_do_not_affect_each_other() -> None:
    """Blocks of rows give the shares of one row at a time; no rows give none."""
    model = fitted((10, 4))
    reasons = model.reasons(model.history[0])
    rows = np.tile(model.history, (3, 1))
    alone = np.vstack([reasons.contributions(row[None]) for row in rows[:50]])
    assert reasons.contributions(rows)[:50] == pytest.approx(alone, abs=1e-12)
    assert reasons.contributions(rows[:0]).shape == (0, 10)


def test_trees_without_a_split() -> None:
    """A history of constants has trees of one leaf: all shares are 0."""
    history = np.ones((200, 6))
    classifier = HistGradientBoostingClassifier(max_iter=3).fit(history, np.arange(200) % 2)
    reasons = tree_reasons(classifier, history[0])
    assert reasons is not None
    assert not reasons.contributions(np.zeros((2, 6))).any()


class Squared(HistGradientBoostingClassifier):
    """Trees whose log-odds are not the sum of their leaves."""

    def predict_proba(self, matrix: Floats) -> Floats:
        """Return the squared probability of fraud."""
        log_odds: Floats = HistGradientBoostingClassifier.decision_function(self, matrix)
        fraud = (1.0 + np.exp(-log_odds)) ** -2.0
        return np.column_stack([1.0 - fraud, fraud])


def numbers(count: int) -> PaymentSchema:
    """Return a schema with this number of features, which may be missing."""
    fields = [f'[fields.f{number}]\ntype = "number"\nrequired = false\nfeature = true\n' for number in range(count)]
    return parse('id = "id"\n[fields.id]\ntype = "integer"\n' + "".join(fields), "payment.toml")


def explain(classifier: Classifier, model: Fitted) -> tuple[Floats, Floats]:
    """Return the shares by `FraudModel` of five rows against a sixth one, and those by enumeration."""
    reference, rows = model.history[0], model.history[1:6]
    schema = numbers(model.history.shape[1])
    fraud_model = FraudModel(
        content_sha256="0" * 64,
        classifier=classifier,
        schema=schema,
        encoding=Encoding.without_levels(schema),
        thresholds=Thresholds(0.1, 0.5),
        reference=reference,
    )
    shares = fraud_model.explain(rows)
    assert shares is not None
    return shares, contributions(fraud_model._log_odds, rows, reference)


def test_few_features_are_enumerated() -> None:
    """The shares of the built-in payment are those of the enumeration, bit for bit."""
    model = fitted((MOST_ENUMERATED, 0))
    shares, slow = explain(model.classifier, model)
    assert shares.tobytes() == slow.tobytes()


def test_other_classifiers_are_enumerated() -> None:
    """A pipeline, and a subclass with other probabilities, are not taken for plain trees."""
    model = fitted((6, 2))
    subclass = copy(model.classifier)
    subclass.__class__ = Squared
    for classifier in (make_pipeline(FunctionTransformer(), model.classifier), subclass):
        assert tree_reasons(classifier, model.history[0]) is None
        shares, slow = explain(classifier, model)
        assert shares.tobytes() == slow.tobytes()


def test_trees_of_other_payments_are_refused() -> None:
    """A model of another number of features fails as in `score`."""
    with pytest.raises(ModelUnfitError, match="features"):
        explain(fitted((8, 3)).classifier, fitted((6, 2)))


@pytest.mark.parametrize("shape", [(6, 2), (10, 0)])
def test_many_features(shape: tuple[int, int]) -> None:
    """Trees with many features give the shares of the published log-odds."""
    model = fitted(shape)
    shares, slow = explain(model.classifier, model)
    assert shares.tobytes() != slow.tobytes()
    assert np.abs(shares - slow).max() <= ERROR


def test_linear_calibration() -> None:
    """A calibration that is linear in the log-odds multiplies the shares."""
    model = fitted((8, 3))
    calibrated = Calibrated(classifier=model.classifier, rise=0.8, fall=0.8, shift=-0.3)
    shares, slow = explain(calibrated, model)
    assert np.abs(shares - slow).max() <= ERROR


def test_any_other_calibration() -> None:
    """Shares are those of the log-odds before the calibration, exactly, and no approximation of those after it."""
    model = fitted((8, 3))
    calibrated = Calibrated(classifier=model.classifier, rise=1.2, fall=0.8, shift=-0.3)
    shares, of_calibrated = explain(calibrated, model)
    slow = contributions(model.log_odds, model.history[1:6], model.history[0])
    assert np.abs(shares - slow).max() <= ERROR
    assert np.abs(shares - of_calibrated).max() > 0.01


@pytest.mark.parametrize(
    ("features", "trees", "goal_us"), [(12, 100, 300), (12, 150, 300), (28, 100, 400), (28, 150, 400)]
)
def test_cost(features: int, trees: int, goal_us: int) -> None:
    """Print the CPU time per row in batches of 20 to 200, and the memory of a large batch."""
    model = fit(features, 4, rows=2_000, trees=trees, missing=0.05)
    began_s = time.process_time()
    reasons = model.reasons(model.history[0])
    figures = [f"{features} features, {trees} trees: prepared in {(time.process_time() - began_s) * 1e3:.0f} ms"]
    with threadpool_limits(1):
        for rows in (20, 200):
            per_row_us = min(_seconds(reasons, model.history[:rows]) for _ in range(10)) / rows * 1e6
            figures.append(f"{per_row_us:.0f} µs per row in batches of {rows}")
            assert per_row_us <= goal_us
    tracemalloc.start()
    reasons.contributions(model.history)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(", ".join([*figures, f"{peak_bytes / 1e6:.1f} MB for {len(model.history)} rows"]))
    assert peak_bytes < 16e6


def _seconds(reasons: TreeReasons, matrix: Floats) -> float:
    began_s = time.process_time()
    reasons.contributions(matrix)
    return time.process_time() - began_s
