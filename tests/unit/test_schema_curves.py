"""Columns of any schema's features, their shares in closed form, and the candidates that are fitted to them."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from fraudstream.arrays import Floats, Integers
from fraudstream.model import reasons
from fraudstream.model.curves import Basis, CurveLogit
from fraudstream.model.encoding import Encoding
from fraudstream.model.schema_curves import SchemaBasis
from fraudstream.payment_schema import PaymentSchema, parse
from fraudstream.simulation import simulate
from trainer import candidates
from trainer.candidates import Candidate

DEFAULT = parse((Path(__file__).parents[2] / "data/payment.toml").read_text(encoding="utf-8"), "payment.toml")
TYPES = {
    "linear": 'type = "number"\nrequired = false\nfeature = true',
    "log": 'type = "number"\nmin = 0\nrequired = false\nfeature = { scale = "log" }',
    "positive": 'type = "number"\nabove = 0\nfeature = { scale = "log" }',
    "count": 'type = "integer"\nmin = 0\nrequired = false\nfeature = { scale = "count" }',
    "period": 'type = "integer"\nfeature = { period = 7 }',
    "time": 'type = "time"\nrequired = false\nfeature = true',
    "flag": 'type = "boolean"\nrequired = false\nfeature = true',
    "category": 'type = "category"\nrequired = false\nfeature = true',
    "constant": 'type = "category"\nfeature = true',
}


def schema(kinds: Sequence[str]) -> PaymentSchema:
    """Return a schema with a feature of each kind, f0, f1, …."""
    tables = "".join(f"[fields.f{number}]\n{TYPES[kind]}\n" for number, kind in enumerate(kinds))
    return parse(f'id = "id"\n[fields.id]\ntype = "text"\n{tables}', "payment.toml")


def drawn(rng: np.random.Generator, kind: str, count: int) -> list[float | str | bool | None]:
    """Return values of a kind; a tenth are missing if they may be."""
    numbers = {
        "linear": rng.normal(0.0, 100.0, count),
        "log": np.where(rng.random(count) < 0.3, 0.0, np.exp(rng.normal(3.0, 1.5, count))),
        "positive": np.exp(rng.normal(3.0, 1.5, count)),
        "count": rng.poisson(0.5, count),
        "period": rng.integers(0, 7, count),
        "time": rng.integers(0, 2_000_000_000_000, count),
        "flag": rng.random(count) < 0.2,
        "category": rng.choice(["a", "b", "c", "d", "e"], count, p=[0.5, 0.25, 0.2, 0.04, 0.01]),
        "constant": np.full(count, "only"),
    }
    values: list[float | str | bool | None] = numbers[kind].tolist()
    if "required = false" not in TYPES[kind]:
        return values
    return [value if present else None for value, present in zip(values, rng.random(count) > 0.1, strict=True)]


def history(kinds: Sequence[str], count: int = 1_000) -> tuple[Encoding, Floats, Integers]:
    """Return the encoding of payments with features of these kinds, their matrix, and outcomes that depend on it."""
    rng = np.random.default_rng(3)
    columns = {f"f{number}": drawn(rng, kind, count) for number, kind in enumerate(kinds)}
    encoding = Encoding.of(schema(kinds), columns)
    matrix = encoding.matrix(columns)
    score = np.nan_to_num(np.sign(matrix - np.nanmedian(matrix, axis=0)), nan=1.5).sum(axis=1)
    return encoding, matrix, (rng.random(count) < 1.0 / (1.0 + np.exp(2.0 - 0.8 * score))).astype(np.int64)


def fitted(candidate: Candidate, matrix: Floats, outcomes: Integers) -> CurveLogit:
    """Fit a candidate of curves."""
    with threadpool_limits(1):
        model = candidate.fit(matrix, outcomes, 0)
    assert isinstance(model, CurveLogit)
    return model


@pytest.mark.parametrize(("knots", "harmonics"), [(2, 1), (3, 2), (6, 2)])
@pytest.mark.parametrize("rows", [100, 20_000])
def test_the_default_columns_are_those_of_the_built_in_basis(knots: int, harmonics: int, rows: int) -> None:
    """Same order, same values, also of payments outside the history's range."""
    rng = np.random.default_rng(rows)
    past, fresh = simulate(rng, rows).matrix(), simulate(rng, 5_000).matrix()
    encoding = Encoding.of(DEFAULT, dict.fromkeys(DEFAULT.fields, ()))
    general = SchemaBasis.of(encoding, past, knots=knots, harmonics=harmonics)
    built_in = Basis.of(past, knots=knots, harmonics=harmonics)
    assert general.groups == built_in.groups
    np.testing.assert_allclose(general.centre, built_in.centre, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(general.scale, built_in.scale, rtol=1e-13)
    np.testing.assert_allclose(general.expand(fresh), built_in.expand(fresh), rtol=1e-11, atol=1e-12)


cells = st.one_of(st.floats(), st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e308, -1e308, 5e-324, 1.0, 6.0, 7.0]))


@given(
    st.lists(st.sampled_from([*TYPES]), min_size=1, max_size=4),
    st.data(),
    st.sampled_from([(2, 1), (3, 2), (6, 2)]),
)
def test_columns_are_finite(kinds: list[str], data: st.DataObject, detail: tuple[int, int]) -> None:
    """Any history and any payment have finite columns: extreme, equal, all missing, and of no kind's range."""
    rows = st.lists(st.tuples(*[cells] * len(kinds)), min_size=1, max_size=8)
    past, fresh = (np.array(data.draw(rows)) for _ in range(2))
    encoding = Encoding.of(schema(kinds), {f"f{number}": ["a", "b"] * 20 for number in range(len(kinds))})
    basis = SchemaBasis.of(encoding, past, knots=detail[0], harmonics=detail[1])
    for matrix in (past, fresh):
        columns = basis.expand(matrix)
        assert columns.shape == (len(matrix), basis.groups[-1].stop)
        assert np.isfinite(columns).all()


@pytest.mark.parametrize("kind", TYPES)
def test_missing_values_have_an_indicator_and_no_other_column(kind: str) -> None:
    """The other columns are 0, the average of the payments that have the value."""
    encoding, matrix, _ = history([kind])
    basis = SchemaBasis.of(encoding, matrix, knots=4, harmonics=2)
    columns = basis.expand(np.array([[np.nan]]))[0]
    may_be_missing = encoding.fields[0].may_be_missing
    assert np.count_nonzero(columns) == may_be_missing
    if may_be_missing:
        assert columns[-1] > 0.0
        code_of_missing = encoding.matrix({"f0": [None]})
        np.testing.assert_array_equal(basis.expand(code_of_missing)[0], columns)
    assert np.abs(basis.expand(matrix).mean(axis=0)).max() < 1e-9


def test_a_category_has_a_column_per_code() -> None:
    """Columns of levels, and of all other values, add up to 0; unseen values are like rare ones."""
    encoding, matrix, _ = history(["category"])
    assert encoding.fields[0].levels == ("a", "b", "c", "d")
    basis = SchemaBasis.of(encoding, matrix, knots=3, harmonics=1)
    columns = basis.expand(encoding.matrix({"f0": ["a", "d", "e", "never seen"]}))
    np.testing.assert_allclose(columns[:, :5].sum(axis=1), 0.0, atol=1e-12)
    np.testing.assert_array_equal(columns[2], columns[3])
    assert columns[:, :5].argmax(axis=1).tolist() == [0, 3, 4, 4]


def test_zero_has_a_column_of_its_own() -> None:
    """The logarithm of 0 is replaced by that of the smallest value above it; without zeros there is no such column."""
    encoding, matrix, _ = history(["log", "positive"])
    basis = SchemaBasis.of(encoding, matrix, knots=2, harmonics=1)
    assert [group.stop - group.start for group in basis.groups] == [3, 1]
    smallest = matrix[matrix[:, 0] > 0.0, 0].min()
    zero, least = basis.expand(np.array([[0.0, 1.0], [smallest, 1.0]]))
    assert zero[0] == least[0]
    assert zero[1] > 0.0 > least[1]


FIVES = [
    ["linear", "log", "category", "time", "flag"],
    ["positive", "count", "period", "category", "category"],
    ["log", "category", "constant", "flag", "linear"],
]


@pytest.mark.parametrize("kinds", FIVES, ids="-".join)
@pytest.mark.parametrize("number", range(3), ids=["lines", "curves", "fine curves"])
def test_closed_form_equals_all_coalitions(kinds: Sequence[str], number: int) -> None:
    """The shares are those of the enumeration, also with missing values, unseen levels and zeros."""
    encoding, matrix, outcomes = history(kinds)
    model = fitted(candidates.candidates(encoding)[number], matrix, outcomes)
    strange = np.vstack([matrix[:100], np.full((1, 5), np.nan), np.zeros((1, 5)), np.full((1, 5), 1e9)])
    for reference in (matrix[0], np.full(5, np.nan)):
        slow = reasons.contributions(model.log_odds, strange, reference)
        found = model.contributions(strange, reference)
        assert found == pytest.approx(slow, abs=1e-9)
        assert found.sum(axis=1) == pytest.approx(
            model.log_odds(strange) - model.log_odds(reference[None, :]), abs=1e-9
        )


@pytest.mark.parametrize("kinds", [[kind] for kind in TYPES] + [[*TYPES], [*TYPES] * 2], ids="-".join)
def test_every_candidate_can_be_fitted(kinds: Sequence[str]) -> None:
    """One feature of any kind, all kinds, and more features than have all their products; models survive pickling."""
    encoding, matrix, outcomes = history(kinds, 400)
    for candidate in candidates.candidates(encoding):
        with threadpool_limits(1):
            model = candidate.fit(matrix, outcomes, 0)
        strange = np.vstack([matrix[:50], np.full((1, matrix.shape[1]), np.nan)])
        fraud = model.predict_proba(strange)
        assert ((fraud >= 0.0) & (fraud <= 1.0)).all()
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(strange), fraud)  # noqa: S301


def test_products_are_those_of_the_strongest_pairs() -> None:
    """Of 18 features those that strengthen each other are multiplied, and few others."""
    rng = np.random.default_rng(4)
    kinds = ["linear"] * 18
    matrix = rng.normal(size=(20_000, 18))
    log_odds = 0.8 * matrix[:, 3] + 0.8 * matrix[:, 7] + 0.6 * matrix[:, 3] * matrix[:, 7] + 0.5 * matrix[:, 0] - 2.0
    outcomes = (rng.random(len(matrix)) < 1.0 / (1.0 + np.exp(-log_odds))).astype(np.int64)
    encoding = Encoding.of(schema(kinds), {f"f{number}": [] for number in range(18)})
    model = fitted(candidates.candidates(encoding)[1], matrix, outcomes)
    firsts, seconds = np.nonzero(model.pairs)
    assert (3, 7) in set(zip(firsts.tolist(), seconds.tolist(), strict=True))
    assert np.abs(model.pairs).max() == abs(model.pairs[3, 7])
    assert len(firsts) <= 8
