"""Drift of any schema: missing values and levels are bins, and features without an hour have one row."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudstream.arrays import Floats
from fraudstream.model.drift_reference import KEY, Reference
from fraudstream.model.encoding import Encoding
from fraudstream.payment_schema import PaymentSchema, parse
from scorer.drift.watch import WINDOW, Change, Drift

FIELDS = {
    "number": 'type = "number"\nrequired = false\nfeature = true',
    "amount": 'type = "number"\nmin = 0\nfeature = { scale = "log" }',
    "attempts": 'type = "integer"\nmin = 0\nfeature = { scale = "count" }',
    "age_days": 'type = "integer"\nmin = 0\nrequired = false\nfeature = { scale = "count" }',
    "weekday": 'type = "integer"\nfeature = { period = 7 }',
    "flag": 'type = "boolean"\nrequired = false\nfeature = true',
    "country": 'type = "category"\nrequired = false\nfeature = true',
    "token": 'type = "category"\nsecret = true\nrequired = false\nfeature = true',
}
HOUR = 'type = "time"\nfeature = true'
HOURS_MS = 3_600_000
MIDNIGHT_MS = 1_790_000_000_000 // 86_400_000 * 86_400_000
LEVELS = ("DE", "FR", "US")


def schema(hour: bool) -> PaymentSchema:
    """Return a schema with every kind of feature, and with an hour if wanted."""
    fields = FIELDS | ({"at": HOUR} if hour else {})
    tables = "\n".join(f"[fields.{name}]\n{keys}" for name, keys in fields.items())
    return parse(f'id = "id"\n[fields.id]\ntype = "integer"\n{tables}', "payment.toml")


def draw(rng: np.random.Generator, count: int) -> dict[str, Any]:
    """Return payments as columns."""
    columns: dict[str, Any] = {
        "number": rng.normal(size=count),
        "amount": np.exp(rng.normal(3.0, 1.0, count)),
        "attempts": rng.poisson(0.4, count),
        "age_days": rng.integers(0, 4_000, count),
        "weekday": rng.integers(0, 7, count),
        "flag": rng.random(count) < 0.3,
        "country": rng.choice(LEVELS, count, p=[0.6, 0.3, 0.1]),
        "token": rng.choice(["x", "y"], count),
        "at": MIDNIGHT_MS + rng.integers(0, 24, count) * HOURS_MS,
    }
    found = {name: column.tolist() for name, column in columns.items()}
    for name in ("number", "age_days", "flag", "country", "token"):
        lose(rng, found, name, 0.1)
    return found


def lose(rng: np.random.Generator, columns: dict[str, Any], name: str, share: float) -> None:
    """Remove a share of the values."""
    missing = (rng.random(len(columns[name])) < share).tolist()
    columns[name] = [None if lost else value for lost, value in zip(missing, columns[name], strict=True)]


def prepared(hour: bool) -> tuple[Encoding, Reference]:
    """Return the encoding and the reference of a history of 20,000 payments."""
    columns = draw(np.random.default_rng(1), 20_000)
    encoding = Encoding.of(schema(hour), columns)
    matrix = encoding.matrix(columns)
    return encoding, Reference.of(encoding, matrix, scores(matrix))


def scores(matrix: Floats) -> Floats:
    """Return a score between 0 and 1 that depends on the amount."""
    found: Floats = 1.0 / (1.0 + matrix[:, 1])
    return found


PREPARED = {hour: prepared(hour) for hour in (False, True)}
parts = st.tuples(st.integers(1, 200), st.integers(1, 200), st.integers(0, 1_000))


@pytest.mark.parametrize("hour", [False, True])
def test_a_reference_is_read_back(hour: bool) -> None:
    """The manifest has counts by field; those of each field and hour add up to the same payments."""
    encoding, reference = PREPARED[hour]
    stored = json.loads(json.dumps({KEY: reference.as_json()}))
    read = Reference.read(stored, encoding)
    assert read is not None
    assert read.as_json() == reference.as_json()
    assert (read.hour, read.hour_name) == ((8, "at") if hour else (None, ""))
    assert read.fields == (*FIELDS, "fraud_probability")
    assert all(
        counts.shape == (24 if hour else 1, one.count) for one, counts in zip(read.bins, read.counts, strict=True)
    )
    assert read.hours.sum() == 20_000
    widths = {one.name: one.count for one in reference.bins}
    # deciles and a missing value; levels, others and a missing value; no level of a secret category
    assert (widths["number"], widths["amount"], widths["flag"], widths["country"], widths["token"]) == (11, 10, 3, 5, 2)
    assert widths["age_days"] == 11
    assert "x" not in json.dumps(stored).replace("fraud_probability", "")


@pytest.mark.parametrize("hour", [False, True])
@given(drawn=parts)
def test_histograms_add_up(hour: bool, drawn: tuple[int, int, int]) -> None:
    """Every payment is in one bin of each field, missing and unseen values included."""
    encoding, reference = PREPARED[hour]
    one, other, seed = drawn
    columns = draw(np.random.default_rng(seed), one + other)
    columns["country"][0] = "never seen"
    matrix = encoding.matrix(columns)
    fraud = scores(matrix)
    whole = reference.histogram(matrix, fraud)
    np.testing.assert_array_equal(
        whole, reference.histogram(matrix[:one], fraud[:one]) + reference.histogram(matrix[one:], fraud[one:])
    )
    assert whole.sum() == (1 + len(reference.fields)) * len(matrix)
    assert all(finding.psi >= 0 for finding in reference.compare(whole))


def watched(hour: bool, change: Any) -> list[Change]:
    """Return the changes that a scorer reports for payments that `change` has changed."""
    encoding, reference = PREPARED[hour]
    rng = np.random.default_rng(7)
    columns = draw(rng, 2 * WINDOW)
    change(rng, columns)
    matrix = encoding.matrix(columns)
    stamps = MIDNIGHT_MS + np.arange(len(matrix), dtype=np.int64)
    return Drift(reference).take(matrix, scores(matrix), stamps)


@pytest.mark.parametrize("hour", [False, True])
def test_no_drift_without_a_change(hour: bool) -> None:
    """Payments like those of the history are no drift."""
    assert watched(hour, lambda *_: None) == []


@pytest.mark.parametrize("hour", [False, True])
@pytest.mark.parametrize("name", ["number", "age_days", "flag", "country", "token"])
def test_more_missing_values_are_drift(name: str, hour: bool) -> None:
    """A sender that no longer sends a field is noticed."""
    found = watched(hour, lambda rng, columns: lose(rng, columns, name, 0.4))
    assert [(change.finding.field, change.begins) for change in found] == [(name, True)]


def test_another_mix_of_levels_is_drift() -> None:
    """As are values that the history does not have."""

    def swap(_: np.random.Generator, columns: dict[str, Any]) -> None:
        columns["country"] = ["FR" if one == "DE" else one for one in columns["country"]]

    def rename(_: np.random.Generator, columns: dict[str, Any]) -> None:
        columns["country"] = ["deu" if one == "DE" else one for one in columns["country"]]

    assert [change.finding.field for change in watched(hour=False, change=swap)] == ["country"]
    assert [change.finding.field for change in watched(hour=True, change=rename)] == ["country"]


def test_a_field_without_any_value_in_the_history() -> None:
    """Then its first values are drift."""
    columns = draw(np.random.default_rng(2), 5_000) | {"number": [None] * 5_000}
    encoding = Encoding.of(schema(hour=False), columns)
    matrix = encoding.matrix(columns)
    reference = Reference.of(encoding, matrix, scores(matrix))
    fresh = encoding.matrix(draw(np.random.default_rng(3), 2 * WINDOW))
    changes = Drift(reference).take(fresh, scores(fresh), np.zeros(2 * WINDOW, dtype=np.int64))
    assert [change.finding.field for change in changes] == ["number"]
