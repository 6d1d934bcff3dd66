"""Calibration: applied where chance does not explain the error, without changing the order of payments."""

import io

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.arrays import Floats, Integers
from fraudstream.model.calibration import Calibrated
from fraudstream.simulation import simulate, true_probability
from trainer import calibrate


class Truth:
    """A classifier that is right, or wrong in a known way."""

    def predict_proba(self, matrix: Floats, /) -> Floats:
        """Return the true probabilities, distorted if the classifier is wrong."""
        fraud = true_probability(matrix)
        return np.column_stack([1 - fraud, fraud])


def truth_and_outcomes(count: int) -> tuple[Floats, Integers]:
    """Return true probabilities and simulated outcomes."""
    rng = np.random.default_rng(3)
    truth = true_probability(simulate(rng, count).matrix())
    return truth, (rng.random(count) < truth).astype(np.int64)


def test_error_by_hand() -> None:
    """A perfect forecast has an error of 0; one that is always 0.1 too high has 0.1."""
    outcomes = np.tile([0.0, 1.0], 200)
    assert calibrate.reliability(outcomes, np.full(400, 0.5)).error == pytest.approx(0)
    assert calibrate.reliability(outcomes, np.full(400, 0.6)).error == pytest.approx(0.1)


def test_chance_explains_the_error_of_right_probabilities() -> None:
    """Over forty samples, the mean size of the error is the formula's."""
    rng = np.random.default_rng(1)
    truth = true_probability(simulate(rng, 5_000).matrix())
    found = [calibrate.reliability((rng.random(5_000) < truth).astype(np.float64), truth) for _ in range(40)]
    assert np.mean([one.error for one in found]) == pytest.approx(found[0].by_chance, rel=0.1)
    assert np.std([one.error for one in found]) == pytest.approx(found[0].spread, rel=0.4)
    assert all(one.right for one in found)


def test_true_probabilities_are_left_alone() -> None:
    """True probabilities need no calibration, and few payments prove nothing."""
    truth, outcomes = truth_and_outcomes(20_000)
    assert calibrate.fit_function(outcomes, truth) is None
    assert calibrate.fit_function(outcomes[:50], truth[:50]) is None
    assert (calibrate.apply(None, truth) == truth).all()


@pytest.mark.parametrize("power", [0.5, 2.0])
def test_wrong_probabilities_are_calibrated(power: float) -> None:
    """After calibration of timid or bold probabilities, chance explains the rest, and the order is unchanged."""
    truth, outcomes = truth_and_outcomes(40_000)
    wrong = truth**power
    found = calibrate.fit_function(outcomes, wrong)
    assert found is not None
    right = calibrate.apply(found, wrong)
    assert not calibrate.reliability(outcomes.astype(np.float64), wrong).right
    assert calibrate.reliability(outcomes.astype(np.float64), right).right
    assert (np.argsort(right, kind="stable") == np.argsort(wrong, kind="stable")).all()


def test_even_the_reverse_of_the_truth_gets_a_rising_function() -> None:
    """Calibration can't change the order: where no rising function helps, it does nothing."""
    truth, outcomes = truth_and_outcomes(20_000)
    found = calibrate._beta(outcomes, 1 - truth)
    assert found.rise > 0
    assert found.fall > 0


@given(st.floats(1e-6, 5), st.floats(1e-6, 5), st.floats(-20, 20), st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_a_calibrated_probability_is_valid_and_keeps_the_order(
    rise: float, fall: float, shift: float, values: list[float]
) -> None:
    """Calibrated probabilities are from 0 to 1 and keep the order, whatever the function's numbers."""
    fraud = np.sort(np.array(values))
    calibrated = Calibrated(classifier=Truth(), rise=rise, fall=fall, shift=shift).calibrate(fraud)
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    assert (np.diff(calibrated) >= 0).all()


def test_a_calibrated_classifier_is_a_classifier() -> None:
    """A calibrated classifier can be kept and loaded, and 1, 1, 0 changes nothing."""
    matrix = simulate(np.random.default_rng(2), 100).matrix()
    buffer = io.BytesIO()
    joblib.dump(calibrate.CalibrationFunction(rise=1.0, fall=1.0, shift=0.0).of(Truth()), buffer)
    loaded = joblib.load(io.BytesIO(buffer.getvalue()))
    assert loaded.classes_.tolist() == [0, 1]
    assert loaded.predict_proba(matrix)[:, 1] == pytest.approx(np.maximum(true_probability(matrix), 1e-6))
