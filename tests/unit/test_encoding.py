"""The encoding of a schema's features: types, levels, missing values, its form in the manifest, the check, the cost."""

import json
import pickle
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.broker.deadline import wait_until

from fraudstream.errors import ModelUnfitError, SchemaError
from fraudstream.model.encoding import MOST_LEVELS, MOST_LEVELS_TOGETHER, Encoding
from fraudstream.payment_schema import PaymentSchema, parse
from fraudstream.payment_values import PaymentValues, Value

ROOT = Path(__file__).parents[2]
HEAD = 'id = "id"\n[fields.id]\ntype = "text"\n'
DEFAULT, CARDS = (
    parse((ROOT / file).read_text(encoding="utf-8"), file)
    for file in ("data/payment.toml", "examples/cards/payment.toml")
)


def of_type(kind: str, more: str = "") -> PaymentSchema:
    """Return a schema with one feature, x."""
    return parse(f'{HEAD}[fields.x]\ntype = "{kind}"\nrequired = false\nfeature = true\n{more}', "payment.toml")


def encoded(schema: PaymentSchema, values: Sequence[Value | None], history: Sequence[Value | None] = ()) -> list[float]:
    """Return the column of feature x."""
    matrix = Encoding.of(schema, {"x": history}).matrix({"x": values})
    assert matrix.shape == (len(values), 1)
    assert matrix.dtype == np.float64
    column: list[float] = matrix[:, 0].tolist()
    return column


@pytest.mark.parametrize(
    ("kind", "values", "numbers"),
    [
        ("number", [1.5, None, -2.0], [1.5, np.nan, -2.0]),
        ("integer", [3, None, 2**63 - 1], [3.0, np.nan, 2.0**63]),
        ("boolean", [True, False, None], [1.0, 0.0, np.nan]),
        ("number", [None, None], [np.nan, np.nan]),
        ("time", [None], [np.nan]),
        ("time", [], []),
    ],
)
def test_numbers_and_booleans(kind: str, values: Sequence[Value | None], numbers: list[float]) -> None:
    """A number is itself, a boolean 0 or 1, a missing value NaN."""
    np.testing.assert_array_equal(encoded(of_type(kind), values), numbers)


@pytest.mark.parametrize(
    ("zone", "moment", "hour"),
    [
        ("UTC", "2026-07-01T14:30:00+00:00", 14.5),
        ("Europe/Berlin", "2026-07-01T23:15:00+00:00", 1.25),
        ("Europe/Berlin", "2026-03-29T00:59:59.999+00:00", 1.0 + (3599.999) / 3600),
        ("Europe/Berlin", "2026-03-29T01:00:00+00:00", 3.0),
        ("Asia/Kathmandu", "2026-01-01T00:00:00+00:00", 5.75),
        ("Canada/Newfoundland", "1989-04-02T03:31:00+00:00", 1.0 + 1 / 60),
        ("America/New_York", "1970-01-01T00:00:00+00:00", 19.0),
        ("Pacific/Kiritimati", "9999-12-31T23:59:59.999+00:00", 13.0 + 3599.999 / 3600),
    ],
)
def test_a_time_is_its_hour_in_the_zone(zone: str, moment: str, hour: float) -> None:
    """The hour has its minutes, and follows the zone's changes of offset."""
    ms = int(datetime.fromisoformat(moment).timestamp() * 1_000 + 0.5)
    assert encoded(of_type("time", f'timezone = "{zone}"'), [ms, None]) == pytest.approx([hour, np.nan], nan_ok=True)


@given(
    st.lists(st.one_of(st.none(), st.integers(100_000_000, 253_402_000_000_000)), max_size=5),
    st.sampled_from(["UTC", "America/St_Johns", "Antarctica/Casey", "Australia/Lord_Howe"]),
)
def test_hours_are_those_of_the_zone(times: list[int | None], zone: str) -> None:
    """Any time has the hour that `datetime` gives, from 0 to below 24."""
    for ms, hour in zip(times, encoded(of_type("time", f'timezone = "{zone}"'), times), strict=True):
        if ms is None:
            assert np.isnan(hour)
        else:
            local = datetime.fromtimestamp(ms // 1_000, UTC).astimezone(ZoneInfo(zone))
            assert 0.0 <= hour < 24.0
            assert hour == pytest.approx(
                local.hour + local.minute / 60 + (local.second + ms % 1_000 / 1_000) / 3_600, abs=1e-9
            )


def test_levels_are_the_frequent_values() -> None:
    """Values below 20 times or 0.1 % share a code, as do unseen ones; a missing value has a code of its own."""
    history = [*["b"] * 30, *["a"] * 30, *["c"] * 40, *["rare"] * 19, *[None] * 50]
    schema = of_type("category")
    assert Encoding.of(schema, {"x": history}).fields[0].levels == ("c", "a", "b")
    assert encoded(schema, ["c", "a", "b", "rare", "unseen", "", None], history) == [0, 1, 2, 3, 3, 3, 4]
    assert Encoding.of(schema, {"x": [*history, *["d"] * 40_000]}).fields[0].levels == ("d",)
    assert encoded(schema, ["a", None], [None] * 100) == [0, 1]
    assert encoded(schema, ["only", "x", None], ["only"] * 100) == [0, 1, 2]


def test_levels_are_bounded() -> None:
    """A field has at most 200 levels, all fields together 500, and a level at most 64 characters."""
    history = [f"v{number % 400:03}" for number in range(40_000)]
    assert len(Encoding.of(of_type("category"), {"x": history}).fields[0].levels) == MOST_LEVELS
    names = [f"f{number}" for number in range(50)]
    tables = "".join(f'[fields.{name}]\ntype = "category"\nfeature = true\n' for name in names)
    many = Encoding.of(parse(HEAD + tables, "payment.toml"), dict.fromkeys(names, history))
    assert sum(len(one.levels) for one in many.fields) == MOST_LEVELS_TOGETHER
    long = of_type("category", "max_length = 100")
    assert Encoding.of(long, {"x": ["x" * 65] * 50 + ["y" * 64] * 50}).fields[0].levels == ("y" * 64,)


def test_a_secret_category_has_no_levels() -> None:
    """Levels are readable in the manifest."""
    assert encoded(of_type("category", "secret = true"), ["4111", "5500", None], ["4111"] * 50) == [0, 0, 1]


def test_a_schema_without_features() -> None:
    """There is nothing to learn from."""
    with pytest.raises(SchemaError, match="no field of the payment schema is a feature"):
        Encoding.of(parse(HEAD, "payment.toml"), {"id": []})


@pytest.mark.parametrize("schema", [DEFAULT, CARDS], ids=["default", "cards"])
def test_every_message_has_a_row(schema: PaymentSchema) -> None:
    """Values of validated messages are encoded; names and order are the schema's; the kinds are those of the types."""
    encoding = Encoding.of(schema, dict.fromkeys(schema.fields, ()))
    assert encoding.names == tuple(one.name for one in schema.features)
    lines = [
        b'{"payment_id":1,"amount":9.5,"country_risk_score":0.5,"failed_logins":2,"transaction_hour":3,"is_new_device":1}'
    ]
    if schema is CARDS:
        lines = (ROOT / "examples/cards/messages.jsonl").read_bytes().splitlines()
    parser, rows = PaymentValues(schema), []
    for line in lines:
        try:
            rows.append(parser.values(parser.adapter.validate_json(line)))
        except ValueError:
            continue
    assert rows
    matrix = encoding.matrix({name: [row[name] for row in rows] for name in schema.fields})
    assert matrix.shape == (len(rows), len(schema.features))
    may_be_missing = [one.may_be_missing for one in encoding.fields]
    assert not np.isnan(matrix[:, np.logical_not(may_be_missing)]).any()
    if schema is DEFAULT:
        assert matrix.tolist() == [[9.5, 0.5, 2.0, 3.0, 1.0]]
        assert [one.kind for one in encoding.fields] == ["log", "linear", "count", "period", "flag"]


texts = st.text(max_size=64)


@given(st.lists(st.one_of(st.none(), st.sampled_from("abc"), texts), max_size=200), st.lists(texts, max_size=5))
def test_round_trip(history: list[str | None], others: list[str]) -> None:
    """The encoding read from JSON, and the pickled one, are the same and encode alike, also values never seen."""
    encoding = Encoding.of(of_type("category"), {"x": [*history, *others[:1] * 20]})
    values = {"x": [*history, *others]}
    for other in (
        Encoding.read(json.loads(json.dumps(encoding.as_json()))),
        pickle.loads(pickle.dumps(encoding)),  # noqa: S301 - its own
    ):
        assert other == encoding
        np.testing.assert_array_equal(other.matrix(values), encoding.matrix(values))
    assert np.isfinite(encoding.matrix(values)).all()


def test_every_property_is_stored() -> None:
    """The example's features, with levels, zones and periods, are read as they were."""
    history = {name: ["a", None] * 50 for name in CARDS.fields}
    encoding = Encoding.of(CARDS, history)
    assert Encoding.read(json.loads(json.dumps(encoding.as_json()))) == encoding
    timed = Encoding.of(of_type("time", 'timezone = "Asia/Tokyo"'), {"x": []})
    assert Encoding.read(timed.as_json()) == timed
    assert timed.fields[0].timezone == "Asia/Tokyo"


def changed(**changes: object) -> list[dict[str, Any]]:
    """Return a stored encoding with changes in its only field."""
    return [Encoding.of(of_type("category"), {"x": ["a"] * 50}).as_json()[0] | changes]


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        (None, "encoding: Input should be a valid array"),
        ([], "encoding: Tuple should have at least 1 item"),
        (changed(extra=1), "encoding.0.extra: Unexpected keyword argument"),
        (changed(name="no name"), "encoding.0.name: String should match pattern"),
        (changed(type="color"), "encoding.0.type: Input should be 'integer'"),
        (changed(kind="curve"), "encoding.0.kind: Input should be 'linear'"),
        (changed(levels=["a", "a"]), "levels are different values of a category"),
        (changed(levels=["a" * 65]), "encoding.0.levels.0: String should have at most 64 characters"),
        (changed(levels=[f"{number}" for number in range(201)]), "Tuple should have at most 200 items"),
        (changed(levels=[1]), "encoding.0.levels.0: Input should be a valid string"),
        (changed(kind="linear"), "levels are different values of a category"),
        (changed(kind="period", levels=[]), "a feature has a period above 0"),
        (changed(period=-1.0), "encoding.0.period: Input should be greater than or equal to 0"),
        (changed(timezone="Mars/Base"), "'Mars/Base' is not a time zone here"),
        (changed(timezone="../../etc/passwd"), "is not a time zone here"),
        (changed() * 2, "two fields have the same name"),
    ],
)
def test_an_invalid_encoding(stored: object, problem: str) -> None:
    """The message names the place in the manifest."""
    with pytest.raises(ModelUnfitError, match="the manifest's encoding is invalid") as caught:
        Encoding.read(stored)
    assert problem in str(caught.value)


def test_the_check_lists_both() -> None:
    """A model whose features differ from the schema's in name, type, scale or order is refused with both lists."""
    encoding = Encoding.of(DEFAULT, dict.fromkeys(DEFAULT.fields, ()))
    encoding.check(DEFAULT)
    with pytest.raises(ModelUnfitError) as caught:
        Encoding.of(of_type("number"), {"x": []}).check(DEFAULT)
    assert str(caught.value) == (
        "the model was trained on x (number), but the payment schema has the features amount (number, scale log), "
        "country_risk_score (number, rising risk), failed_logins (integer, scale count, rising risk), "
        "transaction_hour (integer, period 24), is_new_device (integer)"
    )
    with pytest.raises(ModelUnfitError, match=r"has the features none$"):
        encoding.check(parse(HEAD, "payment.toml"))
    with pytest.raises(ModelUnfitError, match=r"trained on x \(number\), but the payment schema has .* x \(integer\)"):
        Encoding.of(of_type("number"), {"x": []}).check(of_type("integer"))


def test_the_check_accepts_other_ranges() -> None:
    """Ranges, words and zones may change without a new model."""
    Encoding.of(of_type("time", 'timezone = "Asia/Tokyo"'), {"x": []}).check(of_type("time"))
    Encoding.of(of_type("number", "min = 0"), {"x": []}).check(of_type("number", 'max = 5\nwords = "{} x"'))


_NUMBERS: list[Value | None] = [float(number) if number % 5 else None for number in range(50_000)]
_CATEGORIES: list[Value | None] = [f"level {number % 260}" if number % 10 else None for number in range(50_000)]


@pytest.mark.parametrize(
    ("kind", "values", "most_us"),
    [("number", _NUMBERS, 0.1), ("category", _CATEGORIES, 0.15)],
    ids=["number", "category"],
)
def test_cost_per_value(kind: str, values: list[Value | None], most_us: float) -> None:
    """A value costs at most 0.1 µs of the processor, a category's 0.15 µs: the best run of up to 5 s."""
    encoding = Encoding.of(of_type(kind), {"x": values})
    columns = {"x": values}

    def cost_us(encode: Callable[[], object]) -> float:
        started = time.process_time()
        encode()
        return (time.process_time() - started) / len(values) * 1e6

    wait_until(lambda: cost_us(lambda: encoding.matrix(columns)) <= most_us, 5, f"{most_us} µs")


def test_a_model_with_values_of_a_secret_field_is_refused() -> None:
    """Models from before a category became secret have its levels, which reasons would show."""
    text = 'id = "i"\n[fields.i]\ntype = "text"\n[fields.c]\ntype = "category"\nfeature = true\n'
    before, after = parse(text, "payment.toml"), parse(f"{text}secret = true\n", "payment.toml")
    encoding = Encoding.of(before, {"c": ["x"] * 50 + ["y"] * 50})
    encoding.check(before)
    with pytest.raises(ModelUnfitError, match="values of c, which is secret"):
        encoding.check(after)
    Encoding.of(after, {"c": ["x"] * 50}).check(after)
