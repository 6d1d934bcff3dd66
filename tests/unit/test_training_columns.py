"""Histories of any schema: columns of batches, samples of large histories, fits to samples, warnings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.any_schema import CARDS, ROOT
from tests.histories import history_of

from fraudstream.arrays import Floats, Integers
from fraudstream.model.calibration import Calibrated
from fraudstream.model.curves import CurveLogit
from fraudstream.model.encoding import Encoding
from fraudstream.payment_files.rows import LABEL
from fraudstream.payment_schema import parse
from fraudstream.simulation import labels, simulate, true_probability
from trainer import history_warnings, usual
from trainer.candidates import candidates
from trainer.columns import Columns
from trainer.history import read
from trainer.sampling import fitted, most_rows, probabilities

SCHEMA = parse(
    """id = "id"
amount = "sum"
[fields.id]
type = "integer"
[fields.sum]
type = "number"
required = false
[fields.speed]
type = "number"
required = false
feature = true
[fields.colour]
type = "category"
required = false
feature = true
""",
    "payment.toml",
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "sum": st.none() | st.floats(0, 1e9),
            "speed": st.none() | st.floats(-1e9, 1e9),
            "colour": st.sampled_from(["red", "green", "blue", "", None]),
            LABEL: st.integers(0, 1),
        }
    ),
    min_size=1,
    max_size=80,
)


def row(number: int) -> Mapping[str, Any]:
    """Return a row; one in ten is a fraud, and each has a speed of its own."""
    return {"sum": 1.0 * number, "speed": number + 0.5, "colour": f"c{number % 3}", LABEL: int(number % 10 == 0)}


@given(rows=rows, size=st.integers(1, 30))
def test_batches_give_the_matrix_of_the_whole(rows: list[dict[str, Any]], size: int) -> None:
    """Levels and codes are those of the encoding of all rows at once."""
    columns = Columns(SCHEMA, LABEL, np.random.default_rng(0))
    for start in range(0, len(rows), size):
        columns.add(rows[start : start + size])
    encoding, sample, frauds = columns.finish()
    whole = {name: [one[name] for one in rows] for name in ("speed", "colour")}
    assert encoding == Encoding.of(SCHEMA, whole)
    np.testing.assert_array_equal(sample.matrix, encoding.matrix(whole))
    np.testing.assert_array_equal(sample.amounts, np.array([one["sum"] for one in rows], dtype=np.float64))
    assert sample.labels.tolist() == [one[LABEL] for one in rows]
    assert (len(frauds.labels), columns.count) == (0, len(rows))


def test_a_large_history_is_sampled() -> None:
    """The sample has at most the given values and the history's fraud rate; every fraud is in it or beside it."""
    columns = Columns(SCHEMA, LABEL, np.random.default_rng(0), most=2_000)
    for start in range(0, 20_000, 500):
        columns.add([row(number) for number in range(start, start + 500)])
    encoding, sample, frauds = columns.finish()
    assert 700 < len(sample.labels) <= 1_000
    assert sample.labels.mean() == pytest.approx(0.1, abs=0.03)
    assert (columns.count, columns.fraud_count) == (20_000, 2_000)
    speeds = [*sample.matrix[sample.labels == 1, 0], *frauds.matrix[:, 0]]
    assert sorted(speeds) == [number + 0.5 for number in range(0, 20_000, 10)]
    # the sample is spread over the whole file
    assert np.quantile(sample.matrix[:, 0], [0.25, 0.5, 0.75]) == pytest.approx([5_000, 10_000, 15_000], rel=0.15)
    for kept in (sample, frauds):
        colours = [encoding.fields[1].levels[int(code)] for code in kept.matrix[:, 1]]
        assert colours == [f"c{int(speed) % 3}" for speed in kept.matrix[:, 0]]


def simulated(count: int) -> tuple[Floats, Integers]:
    """Return payments of the simulation with their outcomes."""
    rng = np.random.default_rng(5)
    matrix = simulate(rng, count).matrix()
    return matrix, labels(rng, matrix)


@pytest.mark.parametrize("name", ["curves_and_products", "boosting"])
@pytest.mark.parametrize("beside", [False, True])
def test_a_fit_to_a_sample_has_the_right_level(name: str, *, beside: bool) -> None:
    """With all frauds and a tenth of the others, the mean probability is the fraud rate of the history."""
    matrix, outcomes = simulated(30_000)
    past = history_of(matrix, outcomes)
    if beside:
        # three of four frauds are beside the sample
        frauds = np.flatnonzero(outcomes)
        extra = frauds[np.arange(len(frauds)) % 4 > 0]
        legitimate = np.flatnonzero(outcomes == 0)[::4]
        kept = np.sort(np.concatenate([frauds[np.arange(len(frauds)) % 4 == 0], legitimate]))
        past = history_of(matrix[kept], outcomes[kept], frauds=matrix[extra])
    (candidate,) = [one for one in candidates(past.encoding) if one.name == name]
    every = np.arange(len(past.labels))
    classifier = fitted(candidate, past, every, 0, most=3_000)
    assert isinstance(classifier, CurveLogit | Calibrated)
    fresh = simulate(np.random.default_rng(6), 50_000).matrix()
    fraud, truth = probabilities(classifier, fresh, np.arange(50_000)), true_probability(fresh)
    assert fraud.mean() == pytest.approx(truth.mean(), rel=0.12)
    assert np.corrcoef(fraud, truth)[0, 1] > 0.9


def test_a_small_history_is_fitted_as_a_whole() -> None:
    """The classifier is the candidate's own, bit for bit."""
    matrix, outcomes = simulated(2_000)
    past = history_of(matrix, outcomes)
    candidate = candidates(past.encoding)[1]
    assert len(outcomes) < most_rows(past.encoding)
    found = fitted(candidate, past, np.arange(2_000), 0).predict_proba(matrix)
    assert found.tobytes() == candidate.fit(matrix, outcomes, 0).predict_proba(matrix).tobytes()


def test_a_wide_schema_is_fitted_to_fewer_payments() -> None:
    """Columns times rows are bounded."""
    encoding = Encoding.without_levels(CARDS)
    assert 50_000 < most_rows(encoding) < most_rows(Encoding.without_levels(SCHEMA)) < 300_000


def events(matrix: Floats, outcomes: Integers) -> list[str]:
    """Return the warnings about a history."""
    with capture_logs() as lines:
        history_warnings.warn(history_of(matrix, outcomes))
    return [line["event"] for line in lines]


def test_warnings() -> None:
    """A history of the simulation has none; a poor one has all."""
    matrix, outcomes = simulated(10_000)
    assert events(matrix, outcomes) == []
    poor = np.concatenate([matrix[:900], matrix[:100]])
    poor[:, 0], poor[:, 3] = np.nan, 7.0
    assert events(poor, np.concatenate([outcomes[:900], outcomes[:100]])) == [
        "few frauds in the history",
        "features with one value",
        "no payment of the history has an amount",
        "rows repeat in the history",
    ]


def test_equal_payments_of_few_values_are_no_repetition() -> None:
    """Payments with nothing but flags and hours are often equal."""
    matrix, outcomes = simulated(10_000)
    matrix[:, 0], matrix[:, 1] = 10.0, 0.5
    assert "rows repeat in the history" not in events(matrix, outcomes)


def test_the_usual_payment() -> None:
    """It has medians, the most frequent level, and a missing value where most are missing."""
    schema, colours = SCHEMA, ["red"] * 50 + ["blue"] * 30 + [None] * 20
    encoding = Encoding.of(schema, {"colour": colours})
    for speeds, expected in (([1.0] * 40 + [3.0] * 60, 3.0), ([None] * 60 + [3.0] * 40, np.nan)):
        matrix = encoding.matrix({"colour": colours, "speed": speeds})
        past = history_of(matrix, np.zeros(100, dtype=np.int64), schema=schema, encoding=encoding)
        np.testing.assert_array_equal(usual.usual(past), [expected, 0.0])


def test_the_cards_example() -> None:
    """Its history is read with all features; missing values, categories and nested columns included."""
    past = read(ROOT / "examples/cards/history.csv", CARDS)
    assert past.encoding.names == tuple(one.name for one in CARDS.features)
    assert past.matrix.shape == (past.count, len(past.encoding.names))
    distance = past.encoding.names.index("distance_km")
    assert 0.1 < np.isnan(past.matrix[:, distance]).mean() < 0.3
    assert past.encoding.fields[past.encoding.names.index("currency")].levels[0] == "EUR"
    assert not np.isnan(past.amounts).any()
