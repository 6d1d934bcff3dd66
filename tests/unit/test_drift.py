"""Drift on simulated payments: detected soon after it starts, never without a shift."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.default_payment import ENCODING, FEATURES
from tests.fuzz import examples

from fraudstream.errors import ModelUnfitError
from fraudstream.model import psi
from fraudstream.model.drift_reference import KEY, Reference
from fraudstream.simulation import simulate, true_probability
from scorer.drift.watch import LEAST, WINDOW, Change, Drift
from scorer.drift.window import Window

Floats = NDArray[np.float64]
AMOUNT, RISK, LOGINS, HOUR_COLUMN, DEVICE = range(len(FEATURES))
MIDNIGHT_MS = 1_790_000_000_000 // 86_400_000 * 86_400_000
HISTORY = simulate(np.random.default_rng(20_000), 20_000).matrix()
BEGIN = 11_300
REFERENCE = Reference.of(ENCODING, HISTORY, true_probability(HISTORY))


def take(drift: Drift, matrix: Floats, first_ms: int = MIDNIGHT_MS, step_ms: float = 1.0) -> list[Change]:
    """Return payments one after the other, with their true probability as their score."""
    stamps = first_ms + (np.arange(len(matrix)) * step_ms).astype(np.int64)
    return drift.take(matrix, true_probability(matrix), stamps)


def richer(_: np.random.Generator, matrix: Floats) -> None:
    """Raise the mean of ln amount by half a standard deviation."""
    matrix[:, AMOUNT] *= np.exp(0.5 * np.log(HISTORY[:, AMOUNT]).std())


def riskier(_: np.random.Generator, matrix: Floats) -> None:
    """Raise the mean country risk by half a standard deviation, a little less because it ends at 1."""
    matrix[:, RISK] = np.minimum(1.0, matrix[:, RISK] + 0.5 * HISTORY[:, RISK].std())


def less_risky(_: np.random.Generator, matrix: Floats) -> None:
    """Lower the mean country risk likewise."""
    matrix[:, RISK] = np.maximum(0.0, matrix[:, RISK] - 0.5 * HISTORY[:, RISK].std())


def newer(rng: np.random.Generator, matrix: Floats) -> None:
    """Double the share of new devices."""
    _double(rng, matrix, DEVICE)


def failing(rng: np.random.Generator, matrix: Floats) -> None:
    """Double the share of payments with failed logins."""
    _double(rng, matrix, LOGINS)


def _double(rng: np.random.Generator, matrix: Floats, column: int) -> None:
    share = (HISTORY[:, column] > 0).mean()
    matrix[(matrix[:, column] == 0) & (rng.random(len(matrix)) < share / (1 - share)), column] = 1


@pytest.mark.parametrize("batch", [40, 500, 2_000, 5_000])
@pytest.mark.parametrize(
    ("shift", "column"), [(richer, AMOUNT), (riskier, RISK), (less_risky, RISK), (newer, DEVICE), (failing, LOGINS)]
)
def test_a_shift_is_detected_within_5_000_payments(
    batch: int, shift: Callable[[np.random.Generator, Floats], None], column: int
) -> None:
    """Drift begins once, by name, with about the time of its start, and ends once when it is over."""
    drift, rng, changes = Drift(REFERENCE), np.random.default_rng(batch), []
    for number in range(30_000 // batch):
        matrix, numbers = simulate(rng, batch).matrix(), number * batch + np.arange(batch)
        shifted = (numbers >= BEGIN) & (numbers < BEGIN + 10_000)
        part = matrix[shifted]
        shift(rng, part)
        matrix[shifted] = part
        found = take(drift, matrix, MIDNIGHT_MS + number * batch)
        changes += [((number + 1) * batch - BEGIN, one) for one in found if one.finding.field == FEATURES[column]]
    assert [change.begins for _, change in changes] == [True, False]
    seen, change = changes[0]
    assert 0 < seen <= 5_000
    assert change.finding.psi > change.finding.limit
    assert -WINDOW <= change.since_ms - MIDNIGHT_MS - BEGIN < seen
    assert changes[1][1].since_ms == change.since_ms


@pytest.mark.parametrize("batch", [300, 5_000])
def test_no_alarm_in_a_million_payments(batch: int) -> None:
    """A million payments like the history, with hours spread over the day, cause no alarm; a tenth in `make unit`."""
    drift, rng = Drift(REFERENCE), np.random.default_rng(7)
    for number in range(examples(1_000_000) // batch):
        assert take(drift, simulate(rng, batch).matrix(), MIDNIGHT_MS + number * batch) == []


@pytest.mark.parametrize("rows", [100, 1_000, 20_000])
def test_no_alarm_in_a_week_of_clock_driven_payments(rows: int) -> None:
    """A constant pace, as the producer's, has hours unlike any history's, and scores that rise at night."""
    history = HISTORY[:rows]
    drift = Drift(Reference.of(ENCODING, history, true_probability(history)))
    for start_ms, matrix in _week(np.random.default_rng(8), 700):
        assert take(drift, matrix, start_ms, 3_600_000 / len(matrix)) == []


def _week(rng: np.random.Generator, an_hour: int) -> Iterator[tuple[int, Floats]]:
    for hour in range(7 * 24):
        yield MIDNIGHT_MS + hour * 3_600_000, simulate(rng, an_hour, hour=hour % 24).matrix()


def test_the_hour_is_judged_after_a_whole_day() -> None:
    """After a whole day of night hours only, drift in the hour begins; after a whole normal day it ends."""
    drift, rng, changes = Drift(REFERENCE), np.random.default_rng(9), []
    for start_ms, matrix in _week(rng, 300):
        day = (start_ms - MIDNIGHT_MS) // 86_400_000
        matrix[:, HOUR_COLUMN] = rng.integers(0, 6, len(matrix)) if day in {2, 3} else simulate(rng, 300).matrix()[:, 3]
        changes += [
            (start_ms, change)
            for change in take(drift, matrix, start_ms, 3_600_000 / 300)
            if change.finding.field == REFERENCE.hour_name
        ]
    (begin_ms, begin), (end_ms, end) = changes
    assert (begin.begins, end.begins) == (True, False)
    assert begin.since_ms == end.since_ms == MIDNIGHT_MS + 2 * 86_400_000
    assert (begin_ms - MIDNIGHT_MS) // 3_600_000 == 3 * 24
    assert (end_ms - MIDNIGHT_MS) // 3_600_000 == 5 * 24


def test_a_wrong_clock_neither_ends_a_day_nor_stops_the_next() -> None:
    """Single timestamps of another year, or missing ones, are left out."""
    drift, rng, found = Drift(REFERENCE), np.random.default_rng(10), []
    for start_ms, matrix in _week(rng, 300):
        matrix[:, HOUR_COLUMN] = 3
        stamps = start_ms + np.arange(300, dtype=np.int64) * 12_000
        stamps[::50], stamps[1::50] = 2**62, -1
        found += drift.take(matrix, true_probability(matrix), stamps)
    assert [change.since_ms for change in found if change.finding.field == REFERENCE.hour_name] == [MIDNIGHT_MS]


def test_values_missing_from_the_history_are_drift() -> None:
    """Bins that are empty on either side, which have no logarithm, are drift and not an error."""
    history = HISTORY.copy()
    history[:, LOGINS], history[:, DEVICE], history[:, AMOUNT] = 0, 0, 10.0
    drift = Drift(Reference.of(ENCODING, history, np.full(len(history), 0.5)))
    matrix = simulate(np.random.default_rng(11), 5_000).matrix()
    assert {change.finding.field for change in take(drift, matrix)} == {*REFERENCE.fields} - {"country_risk_score"}


def test_the_first_payments_are_compared_once_there_are_500() -> None:
    """There is no drift before, however different the first payments are; the number of payments is known."""
    drift, matrix = Drift(REFERENCE), simulate(np.random.default_rng(12), LEAST - 1).matrix()
    matrix[:, AMOUNT] = 1e6
    assert take(drift, matrix) == take(drift, matrix[:0]) == []
    assert (drift.payments, drift.findings) == (LEAST - 1, {})
    assert take(drift, matrix[:1]) == []
    assert drift.payments == LEAST
    assert take(drift, matrix[:250])[0].begins


def test_the_comparison_of_the_first_payments_causes_no_alarm() -> None:
    """Of 200 new scorers, each with its first 2,500 payments like the history, none reports drift."""
    rng = np.random.default_rng(18)
    for _ in range(examples(200)):
        drift = Drift(REFERENCE)
        for _ in range(WINDOW // 250):
            assert take(drift, simulate(rng, 250).matrix()) == []
        assert drift.findings.keys() >= {*REFERENCE.fields} - {REFERENCE.hour_name}
        assert drift.payments == WINDOW


def test_empty_batches_are_not_kept() -> None:
    """A topic of dead letters only does not fill the memory."""
    drift = Drift(REFERENCE)
    for _ in range(10):
        assert take(drift, HISTORY[:0]) == []
    assert drift._waiting == []


@settings(max_examples=examples(30))
@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 1_000))
def test_histograms_of_replicas_add_up(one: int, other: int, seed: int) -> None:
    """Counts of the parts add up to those of the whole; each field counts each payment."""
    matrix = simulate(np.random.default_rng(seed), one + other).matrix()
    scores = true_probability(matrix)
    whole = REFERENCE.histogram(matrix, scores)
    parts = REFERENCE.histogram(matrix[:one], scores[:one]) + REFERENCE.histogram(matrix[one:], scores[one:])
    np.testing.assert_array_equal(whole, parts)
    assert whole.sum() == (1 + len(REFERENCE.fields)) * len(matrix)
    assert all(finding.psi >= 0 for finding in REFERENCE.compare(whole))


@given(st.lists(st.integers(1, 900), max_size=60), st.integers(1, 2_000), st.integers(0, 2_000))
def test_the_window_slides(blocks: list[int], payments: int, fewer: int) -> None:
    """The window holds the smallest number of last blocks that is large enough; while it fills, all blocks."""
    least = max(1, payments - fewer)
    window = Window(payments, least)
    for number, count in enumerate(blocks, 1):
        window.push(count, np.array([count, number]))
        enough = [size for size in range(1, number + 1) if sum(blocks[number - size : number]) >= payments]
        enough += [number] if sum(blocks[:number]) >= least else []
        expected = np.array([[c, n] for n, c in enumerate(blocks[:number], 1)][-enough[0] :]) if enough else None
        found = window.histogram
        assert (found is None) == (expected is None)
        if found is not None and expected is not None:
            np.testing.assert_array_equal(found, expected.sum(axis=0))


def test_psi_by_hand() -> None:
    """A share that doubles from 12 to 24 % has 0.1; equal ones have 0; separate distributions don't mix."""
    actual, expected = np.array([0.76, 0.24, 0.5, 0.5]), np.array([0.88, 0.12, 0.5, 0.5])
    first = (0.76 - 0.88) * np.log(0.76 / 0.88) + (0.24 - 0.12) * np.log(2)
    np.testing.assert_allclose(psi.sizes(actual, expected, np.array([0, 2])), [first, 0.0])
    bins = np.array([2.0, 2.0, 3.0, 3.0, 3.0])
    shares = psi.smoothed(np.array([0.0, 9.0, 1.0, 8.0, 0.0]), bins)
    np.testing.assert_allclose(shares, [0.05, 0.95, 1.5 / 10.5, 8.5 / 10.5, 0.5 / 10.5])


@pytest.mark.parametrize("bins", [2, 10, 24])
def test_the_noise_limit_is_above_the_noise(bins: int) -> None:
    """Of 20,000 samples of 500 against 300 without a change, each is below the limit; the mean is the source's."""
    rng, shares = np.random.default_rng(13), np.full(bins, 1 / bins)
    seen, referred = rng.multinomial(500, shares, 20_000), rng.multinomial(300, shares, 20_000)
    actual, expected = (seen + 0.5) / (500 + bins / 2), (referred + 0.5) / (300 + bins / 2)
    sizes = ((actual - expected) * np.log(actual / expected)).sum(axis=1)
    assert sizes.mean() == pytest.approx((bins - 1) * (1 / 500 + 1 / 300), rel=0.1)
    limit = psi.limits(np.array([float(bins)]), 500.0, 300.0)[0]
    assert sizes.max() < limit < 4 * sizes.max()
    assert psi.limits(np.array([float(bins)]), 1e6, 1e6)[0] == psi.SMALLEST


def test_a_manifest_has_the_reference() -> None:
    """A reference is read back from JSON; a manifest without one has none."""
    manifest = json.loads(json.dumps({KEY: REFERENCE.as_json()}))
    read = Reference.read(manifest, ENCODING)
    assert read is not None
    assert read.as_json() == REFERENCE.as_json()
    assert read.hours.sum() == len(HISTORY)
    assert Reference.read({}, ENCODING) is None


def _bad(change: Callable[[Any], object]) -> dict[str, Any]:
    reference = REFERENCE.as_json()
    change(reference)
    return {KEY: reference}


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ({KEY: None}, "drift: "),
        ({KEY: {}}, "drift.amount: Field required"),
        (_bad(lambda one: one["amount"].pop("edges")), "drift.amount.edges: Field required"),
        (_bad(lambda one: one["amount"].update(edges=[])), "drift.amount.edges: "),
        (_bad(lambda one: one.update(age=one["amount"])), "drift.age: not a compared feature"),
        (_bad(lambda one: one.pop("fraud_probability")), "drift.fraud_probability: Field required"),
        (_bad(lambda one: one["amount"]["edges"].reverse()), "drift.amount: Value error, edges must be ascending"),
        (_bad(lambda one: one["amount"]["edges"].append(float("nan"))), "drift.amount.edges"),
        (
            _bad(lambda one: one["amount"]["edges"].pop()),
            "drift.amount: counts must be one per bin",
        ),
        (_bad(lambda one: one["is_new_device"]["counts"].pop()), "drift.is_new_device.counts"),
        (
            _bad(lambda one: one["is_new_device"]["counts"][3].append(1)),
            "drift.is_new_device: counts must be one per bin",
        ),
        (_bad(lambda one: one["is_new_device"]["counts"][3].__setitem__(0, -1)), "counts.3.0"),
        (
            _bad(lambda one: one["is_new_device"]["counts"][3].__setitem__(0, 9_999)),
            "counts: they differ between fields",
        ),
    ],
)
def test_an_invalid_reference_is_refused(manifest: dict[str, Any], expected: str) -> None:
    """An invalid reference is refused in one line that names its place."""
    with pytest.raises(ModelUnfitError, match="the manifest's reference is invalid") as caught:
        Reference.read(manifest, ENCODING)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
