"""FraudModel: rounded probabilities, decisions, and refused input."""

import typing
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.default_payment import EDGES, ENCODING, FEATURES, SCHEMA

from fraudstream.errors import ModelUnfitError
from fraudstream.model.curves import Basis, CurveLogit
from fraudstream.model.fraud_model import FraudModel, Thresholds
from fraudstream.simulation import simulate

Floats = NDArray[np.float64]
THRESHOLDS = Thresholds(review=0.1, block=0.5)


@dataclass(frozen=True)
class Fixed:
    """A classifier with a fixed result."""

    answer: object

    def predict_proba(self, matrix: Floats, /) -> Floats:
        """Return the result, or raise it if it is an error."""
        assert matrix.ndim == 2
        if isinstance(self.answer, Exception):
            raise self.answer
        return typing.cast("Floats", self.answer)


def model(fraud: Floats) -> FraudModel:
    """Return a model with these probabilities."""
    return fixed(np.column_stack([1 - fraud, fraud]))


def fixed(answer: object) -> FraudModel:
    """Return a model whose classifier has this result."""
    return FraudModel(
        content_sha256="0" * 64, classifier=Fixed(answer), schema=SCHEMA, encoding=ENCODING, thresholds=THRESHOLDS
    )


def payments(count: int) -> Floats:
    """Return some valid payments."""
    return simulate(np.random.default_rng(0), count).matrix()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_probabilities_have_six_decimals_and_are_never_certain(values: list[float]) -> None:
    """Probabilities are rounded and clipped, so that text and number are equal everywhere."""
    scores = model(np.array(values)).score(payments(len(values))).tolist()
    for value, score in zip(values, scores, strict=True):
        assert score == pytest.approx(value, abs=1.1e-6)
        assert 1e-6 <= score <= 1 - 1e-6
        assert score == round(score, 6)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_decisions_follow_the_rounded_probability(values: list[float]) -> None:
    """Decisions are those that a reader of the CSV would compute."""
    fraud = model(np.array(values)).score(payments(len(values))) if values else np.empty(0)
    expected = ["block" if p >= 0.5 else "review" if p >= 0.1 else "approve" for p in fraud.tolist()]
    assert model(fraud).decide(fraud, np.ones(len(fraud))) == expected


def test_a_threshold_belongs_to_the_stricter_side() -> None:
    """0.1 is reviewed, 0.5 is blocked, and so is a probability that only rounds to them."""
    fraud = model(np.array([0.0999994, 0.0999996, 0.1, 0.4999996, 0.5])).score(payments(5))
    assert model(fraud).decide(fraud, np.ones(len(fraud))) == ["approve", "review", "review", "block", "block"]


def test_an_empty_batch_is_scored() -> None:
    """The classifier is not called."""
    untouched = fixed(RuntimeError())
    assert untouched.score(np.empty((0, 5))).shape == (0,)
    assert untouched.decide(np.empty(0), np.empty(0)) == []


@pytest.mark.parametrize("shape", [(5,), (3, 4), (3, 6), (0, 4), (2, 5, 1)])
def test_a_matrix_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """Another shape can't be one of payments."""
    with pytest.raises(ModelUnfitError, match="shape"):
        model(np.array([0.5])).score(np.ones(shape))


@pytest.mark.parametrize("column", range(5))
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused(column: int, value: float) -> None:
    """The message names the feature."""
    matrix = payments(3)
    matrix[1, column] = value
    with pytest.raises(ModelUnfitError, match=FEATURES[column]):
        model(np.full(3, 0.5)).score(matrix)


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("no"),
        np.array([0.5, 0.5]),
        np.array([[0.5], [0.5]]),
        np.array([[0.5, 0.5]]),
        np.array([[0.5, np.nan], [0.5, 0.5]]),
        np.array([[-0.5, 1.5], [0.5, 0.5]]),
        "text",
        None,
    ],
)
def test_a_classifier_that_fails_is_refused(answer: object) -> None:
    """Whatever the failure, nothing is scored."""
    with pytest.raises(ModelUnfitError, match="model 0000"):
        fixed(answer).score(payments(2))


@pytest.mark.parametrize(("review", "block"), [(0.6, 0.5), (0.0, 0.5), (0.1, 1.0), (float("nan"), 0.5)])
def test_thresholds_that_make_no_sense_are_refused(review: float, block: float) -> None:
    """Thresholds may come from settings."""
    with pytest.raises(ModelUnfitError, match="thresholds"):
        Thresholds(review, block)


def test_thresholds_can_be_replaced() -> None:
    """Settings override the manifest's."""
    strict = replace(model(np.array([0.2])), thresholds=Thresholds(review=0.01, block=0.02))
    assert strict.decide(np.array([0.2]), np.ones(1)) == ["block"]


def curves(basis: Basis, **changes: Floats) -> CurveLogit:
    """Return a curve model with arbitrary weights."""
    rng = np.random.default_rng(5)
    width = len(basis.centre)
    fitted = CurveLogit(
        basis=basis,
        intercept=-3.0,
        weights=rng.normal(size=width),
        curves=np.zeros((width, 5)),
        shift=np.zeros(5),
        pairs=np.zeros((5, 5)),
    )
    return replace(fitted, **changes)  # type: ignore[arg-type]


def test_a_curve_model_scores_the_edges_of_the_contract() -> None:
    """Outside of the history's range a field counts as the nearest value in it; nothing overflows."""
    edges = np.array(np.meshgrid(*EDGES)).reshape(5, -1).T
    classifier = curves(Basis.of(payments(500), knots=4, harmonics=2))
    scores = replace(fixed(None), classifier=classifier).score(edges)
    assert ((scores > 0) & (scores < 1)).all()


def test_a_batch_scores_as_its_rows_do() -> None:
    """Scores don't depend on neighbours, to the last of six decimals: sums may differ in the last bit."""
    rng = np.random.default_rng(6)
    basis = Basis.of(payments(500), knots=4, harmonics=2)
    one_by_one = curves(
        basis, curves=rng.normal(size=(len(basis.centre), 5)), pairs=np.triu(rng.normal(size=(5, 5)), 1)
    )
    matrix = payments(50)
    whole = one_by_one.predict_proba(matrix)
    np.testing.assert_allclose(whole, np.vstack([one_by_one.predict_proba(row[None]) for row in matrix]), atol=1e-12)


@pytest.mark.parametrize("column", range(5))
def test_a_constant_field_is_accepted(column: int) -> None:
    """A history from one hour, one country or one amount still has a basis."""
    matrix = payments(200)
    matrix[:, column] = matrix[0, column]
    basis = Basis.of(matrix, knots=4, harmonics=2)
    assert np.isfinite(basis.expand(payments(50))).all()
    assert basis.groups[-1].stop == len(basis.centre)
