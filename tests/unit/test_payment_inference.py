"""Rows → a commented payment.toml that accepts every one of them, and contains no value of any."""

import csv
import json
import tracemalloc
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cli.schema.inference import Inference, Inferred
from fraudstream.errors import SchemaError
from fraudstream.payment import InvalidPayment, check_all, decode_each
from fraudstream.payment_schema import DeclaredField, PaymentSchema, parse
from fraudstream.payment_values import PaymentValues

HISTORY = Path(__file__).parents[2] / "data/historical_payments.csv"
CARDS = ("4111111111111111", "5500005555555559", "340000000000009", "6011000000000004")


def infer(rows: Iterable[Mapping[str, object]], *, is_cells: bool = False, source: str = "mine.csv") -> Inferred:
    """Return the schema inferred from these rows."""
    inference = Inference(is_cells=is_cells)
    for row in rows:
        inference.add(row)
    return inference.infer(source)


def infer_field(values: Sequence[object], name: str = "x", *, is_cells: bool = False) -> DeclaredField:
    """Return the declaration of a field with these values."""
    rows = [{"id": f"a{number}", name: value} for number, value in enumerate(values)]
    return next(one for one in infer(rows, is_cells=is_cells).schema.fields.values() if one.name != "id")


def infer_left_out(values: Sequence[object], name: str = "x") -> str:
    """Return the comment about a field that is left out."""
    found = infer([{"id": f"a{number}", name: value} for number, value in enumerate(values)])
    assert [*found.schema.fields] == ["id"]
    return next(line for line in found.text.splitlines() if "left out" in line)


def invalid(schema: PaymentSchema, rows: Iterable[Mapping[str, object]]) -> list[InvalidPayment]:
    """Return why messages with these rows are invalid; none should be."""
    values = [json.dumps(row).encode() for row in rows]
    return [event for event in decode_each(values, PaymentValues(schema).adapter) if isinstance(event, InvalidPayment)]


@pytest.mark.parametrize(
    ("values", "kind", "is_strict"),
    [
        ([1, 2], "integer", True),
        ([-(2**63) + 1, 2**63 - 1], "integer", True),
        ([1, 2**63], "number", True),
        ([1, 2.5], "number", True),
        ([1.0, 2.0], "number", True),
        ([True, False], "boolean", True),
        ([True, 0, 1], "boolean", True),
        (["1", "25"], "integer", False),
        (["1", 25], "integer", False),
        (["1.5", "2"], "number", False),
        (["1.5", 2], "number", False),
        (["true", "false"], "boolean", False),
        (["true", False], "boolean", False),
        (["True", "False"], "text", True),
        (["007", "123"], "text", True),
        (["+4930123", "+4930124"], "text", True),
        (["1e999", "1"], "text", True),
        (["1_000", "2"], "text", True),
        (["٣", "4"], "text", True),
        (["99999999999999999999", "1"], "text", True),
        (["a", "b", "c"], "text", True),
        (["a", "b"] * 3, "category", True),
        (["a" * 65, "b"] * 3, "text", True),
        ([str(uuid.UUID(int=1))] * 4, "text", True),
        (["2026-09-21T14:00:00Z", "2026-09-21T16:00:00.5+02:00"], "time", True),
        (["2026-09-21 14:00:00"] * 4, "text", True),
        (["2026-13-21T14:00:00Z", "2026-09-21T16:00:00Z"], "text", True),
    ],
)
def test_types_of_json(values: Sequence[object], kind: str, is_strict: bool) -> None:
    """The type follows from all values; numbers in quotes are accepted in quotes."""
    field = infer_field(values)
    assert (field.type, field.strict) == (kind, is_strict)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", " 2 "], "integer"),
        (["1", "2.5"], "number"),
        (["1e3", ".5"], "number"),
        (["True", "FALSE"], "boolean"),
        (["0", "1"], "integer"),
        (["a", "b", "c"], "text"),
        (["a", "b"] * 3, "category"),
        (["007", "008"], "text"),
        (["1,5", "2,5"], "text"),
        (["nan", "1"], "text"),
        (["2026-09-21T14:00:00Z", "2026-09-21T16:00:00Z"], "time"),
    ],
)
def test_types_of_cells(values: Sequence[object], kind: str) -> None:
    """The content of cells decides, and the field stays strict: the messages have their own types."""
    field = infer_field(values, is_cells=True)
    assert (field.type, field.strict) == (kind, True)


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("created_at", [1_789_999_200, 1_789_999_201], "time"),
        ("created_at", [1_789_999_200_123, 1_789_999_201_123], "time"),
        ("eventTime", [1_789_999_200.5, 1_789_999_201], "time"),
        ("amount_cents", [1_789_999_200, 1_789_999_201], "integer"),
        ("created_at", [17, 18], "integer"),
        ("is_new", [0, 1], "boolean"),
        ("is_new", [0, 2], "integer"),
        ("logins", [0, 1], "integer"),
        ("mcc", ["5411", "5412"], "text"),
        ("mcc", ["5411", "5412"] * 3, "category"),
        ("customer_id", ["100", "101"], "text"),
    ],
)
def test_names_decide_where_values_do_not(name: str, values: Sequence[object], kind: str) -> None:
    """Numbers are times, flags or codes only if the name suggests it."""
    assert infer_field(values, name).type == kind


def limits(field: DeclaredField) -> tuple[float | None, float | None]:
    """Return min and max, the only limits that are inferred."""
    assert (field.above, field.below) == (None, None)
    return field.min, field.max


def test_natural_ranges() -> None:
    """Ranges are 0 to 1, the hours of a day, or from 0; others are comments, with rounded ends."""
    assert limits(infer_field([0.25, 0.5])) == (0, 1)
    assert limits(infer_field([0.25, 0.5], "amount")) == (0, None)
    assert limits(infer_field([0, 1])) == (0, None)
    assert limits(infer_field([3, 23], "transaction_hour")) == (0, 23)
    assert limits(infer_field([3, 24], "transaction_hour")) == (0, None)
    assert limits(infer_field([3, 23])) == (0, None)
    assert limits(infer_field([-3, 23])) == (None, None)
    text = infer([{"id": "a", "x": -37.5}, {"id": "b", "x": 118.25}]).text
    assert "# values are between -50 and 200, rounded outwards\n[fields.x]" in text


def test_features() -> None:
    """Quantities, flags and categories are features; identifiers, texts, times, constants and secrets are not."""
    rows = [
        {
            "id": f"a{number}",
            "amount": 1.5 * number,
            "logins": number,
            "hour": number % 24,
            "risk": number / 100,
            "is_new": number % 2,
            "country": "DE" if number % 3 else "FR",
            "balance": number - 50,
            "customer_id": number * 7,
            "note": f"text {number}",
            "constant": 5,
            "card": CARDS[number % 4],
            "created_at": 1_789_999_200 + number,
        }
        for number in range(100)
    ]
    inferred = infer(rows)
    scales = {
        one.name: one.feature.model_dump(exclude_defaults=True) for one in inferred.schema.features if one.feature
    }
    assert scales == {
        "amount": {"scale": "log"},
        "logins": {"scale": "count"},
        "hour": {"period": 24.0},
        "risk": {},
        "is_new": {},
        "country": {},
        "balance": {},
    }
    assert inferred.schema.id == "id"
    assert inferred.schema.amount == "amount"
    assert inferred.schema.time == "created_at"
    assert inferred.schema.fields["card"].secret


def test_missing_values() -> None:
    """A field that is absent, null or an empty cell anywhere is not required; one that is rare is left out."""
    assert infer_field([1, 2]).required
    assert not infer_field([1, None]).required
    assert not infer_field(["1", " "], is_cells=True).required
    rows: list[dict[str, object]] = [{"id": f"a{number}"} for number in range(300)]
    rows[0] |= {"rare": 1, "null": None}
    rows[1] |= {"rare": 1, "some": 1}
    rows[2] |= {"some": 1}
    rows[3] |= {"some": 1, "other": {"rare": 3}}
    inferred = infer(rows)
    assert [*inferred.schema.fields] == ["id", "some"]
    assert "# left out, in under 1 % of the messages: 2 field(s)\n" in inferred.text
    assert "# left out, without any value: 1 field(s)\n" in inferred.text
    assert "required = false  # missing in 99 % of the messages\n" in inferred.text


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([[1], [2]], "arrays"),
        ([[1], 2], "arrays"),
        (["a", 1], "values of several types, or of types that no field has"),
        ([True, 2], "values of several types, or of types that no field has"),
        ([True, 0.0], "values of several types, or of types that no field has"),
        ([{"a": 1}, 2], "values of several types, or of types that no field has"),
        ([{}, {}], "values of several types, or of types that no field has"),
        ([10**400, 1], "values of several types, or of types that no field has"),
        (["a" * 4097, "b"], "texts of more than 4,096 characters"),
    ],
)
def test_left_out(values: Sequence[object], why: str) -> None:
    """A comment names fields whose values no type accepts."""
    assert infer_left_out(values) == f'# left out, {why}: "x"'


def test_nested_objects_and_odd_names() -> None:
    """A name that is not valid gets a made-up one with a path, a reserved one gets another name in outputs."""
    rows = [
        {
            "id": "a",
            "card": {"brand": "b", "a.b": {'"q"': 1, "": 2}},
            "card_brand": "c",
            "decision": "d",
            "payment_decision": "e",
            "9": 3,
            "größe": 4,
            "\u2028\n": 5,
            "a" * 65: 6,
            "\\": 7,
        }
    ]
    inferred = infer(rows)
    assert {one.name: one.path for one in inferred.schema.fields.values()} == {
        "id": ("id",),
        "card_brand": ("card_brand",),
        "decision": ("decision",),
        "payment_decision": ("payment_decision",),
        "field_9": ("9",),
        "gr_e": ("größe",),
        "field": ("\u2028\n",),
        "a" * 64: ("a" * 65,),
        "field_2": ("\\",),
        "card_brand_2": ("card", "brand"),
        "card_a_b_q": ("card", "a.b", '"q"'),
        "card_a_b": ("card", "a.b", ""),
    }
    assert inferred.schema.fields["decision"].column == "payment_decision_2"
    assert inferred.text.isprintable() or set(inferred.text) - {"\n"} == {*filter(str.isprintable, inferred.text)}


def test_cells_with_dots_in_their_names_are_paths() -> None:
    """A flat file writes nested objects as names with dots; a name inside another field remains one key."""
    rows = [{"id": "a", "card.brand": "b", "a": "1", "a.b": "2", ".c": "3"}]
    paths = {one.path for one in infer(rows, is_cells=True).schema.fields.values()}
    assert paths == {("id",), ("card", "brand"), ("a",), ("a.b",), (".c",)}


@pytest.mark.parametrize(
    ("values", "is_secret"),
    [
        (CARDS, True),
        ([int(card) for card in CARDS], True),
        (["4111 1111 1111 1111", "5500-0055-5555-5559"], True),
        ([str(10**15 + 7 * number) for number in range(200)], False),
        (["ann@example.com", "none"], True),
        (["call ann@example.com", "none"], True),
        (["10.0.0.1", "10.0.0.2"], True),
        (["2001:db8::1", "::1"], True),
        (["10.0.0", "10.0.0.256", "12:30", "a:b"], False),
        (["@ann", "a@b"], False),
    ],
)
def test_secrets(values: Sequence[object], is_secret: bool) -> None:
    """Card numbers, e-mail and IP addresses are secret, in JSON as in cells."""
    assert infer_field(values).secret == is_secret
    assert infer_field([str(value) for value in values], is_cells=True).secret == is_secret


def test_the_id_is_never_secret() -> None:
    """An id that looks like a secret stays in the clear, which a comment explains."""
    inferred = infer([{"card_number": card} for card in CARDS])
    assert inferred.schema.id == "card_number"
    assert not inferred.schema.fields["card_number"].secret
    assert "# the id can't be secret, since it is in all outputs" in inferred.text


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (
            [
                {"amount": 5, "customer_id": "a", "payment_id": "x"},
                {"amount": 6, "customer_id": "a", "payment_id": "y"},
            ],
            "payment_id",
        ),
        ([{"customerId": "a", "transactionId": "x"}, {"customerId": "b", "transactionId": "y"}], "transactionId"),
        ([{"amount": 5, "customer_id": 1}, {"amount": 6, "customer_id": 1}], "customer_id"),
        ([{"amount": 5, "name": "a"}, {"amount": 6, "name": "b"}], "name"),
        ([{"id": None, "ref": "a"}, {"id": "b", "ref": "b"}], "ref"),
    ],
)
def test_the_likely_id(rows: Sequence[Mapping[str, object]], name: str) -> None:
    """The id is named like one, is in every message, and does not repeat if there is another one that does not."""
    assert infer(rows).schema.id == name


def test_an_id_that_repeats() -> None:
    """A comment reports it, also if the value comes again much later."""
    rows = [{"id": f"a{number}", "x": 1} for number in range(20_000)]
    assert "# values repeat" not in infer(rows).text
    assert "# values repeat: choose another id, if payments have one\n[fields.id]" in infer([*rows, rows[7]]).text


@pytest.mark.parametrize("rows", [[], [{}], [{"x": 1.5}], [{"x": "a"}, {"x": "a"}], [{"id": [1]}], [{"is_fraud": 1}]])
def test_no_id(rows: Sequence[Mapping[str, object]]) -> None:
    """Rows without anything that can be an id have no schema."""
    with pytest.raises(SchemaError) as caught:
        infer(rows)
    assert str(caught.value) == (
        "mine.csv: no field can be the id: add a text or an integer to every message, such as payment_id, "
        "that is another one in each"
    )


@pytest.mark.parametrize(
    ("name", "values", "is_label"),
    [
        ("is_fraud", [0, 1], True),
        ("isFraud", [True, False], True),
        ("fraud", ["0", "1"], True),
        ("Class", [0, 0], True),
        ("chargeback", ["true", "false"], True),
        ("label", [1, None], True),
        ("label", ["a", "b"], False),
        ("label", [0, 2], False),
        ("fraud_score", [0, 1], False),
    ],
)
def test_the_label(name: str, values: Sequence[object], is_label: bool) -> None:
    """A label has the values 0 and 1 and the name of one; it is not a field, but returned, and named in a comment."""
    inferred = infer([{"id": f"a{number}", name: value} for number, value in enumerate(values)])
    assert inferred.label == ((name,) if is_label else None)
    assert (name in inferred.schema.fields) != is_label
    assert (f'# The label, which training reads from the history, is "{name}"' in inferred.text) == is_label


def test_a_second_label_is_not_a_feature() -> None:
    """A chargeback beside the label is known as late as the label."""
    inferred = infer([{"id": "a", "chargeback": 0, "is_fraud": 0}, {"id": "b", "chargeback": 1, "is_fraud": 1}])
    assert inferred.label == ("is_fraud",)
    assert inferred.schema.fields["chargeback"].feature is None


def test_many_fields() -> None:
    """The most frequent 200 fields are declared; thousands of names do not take more memory."""
    row: dict[str, object] = {f"f{number}": number for number in range(250)}
    rows = [{**row, "id": "a"}, {"id": "b", "f249": 1}]
    inferred = infer(rows)
    assert len(inferred.schema.fields) == 200
    assert {"id", "f249"} <= set(inferred.schema.fields)
    assert "# left out, above the 200 that a schema may have: 51 field(s)\n" in inferred.text
    text = infer([{"id": f"a{number}", f"n{number}": {"a": 1}} for number in range(10_000)]).text
    assert "# left out, since messages have thousands of names: those that occur first after the others\n" in text


def test_deep_and_long_names() -> None:
    """Objects that are nested without end, and names without end, are left out."""
    deep: Any = 1
    for _ in range(100):
        deep = {"a": deep}
    text = infer([{"id": "a", "deep": deep, "x" * 1_000: 1}]).text
    assert "# left out, with names of hundreds of characters: 1 field(s)\n" in text
    assert "values of several types, or of types that no field has" in text


def test_memory_is_bounded() -> None:
    """Different values in every row take no more memory after more rows."""
    inference = Inference(is_cells=True)
    peaks = []
    tracemalloc.start()
    for number in range(40_000):
        inference.add({"id": f"id-{number}", "x": f"{number}.5", "text": f"text number {number}"})
        if number in {19_999, 39_999}:
            peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]


def test_the_history_with_an_id() -> None:
    """The committed history gives the default schema, except for the limits of its own and a flag's type."""
    with HISTORY.open(encoding="utf-8") as file:
        rows = [{"payment_id": str(number), **row} for number, row in enumerate(csv.DictReader(file), start=1)]
    inferred = infer(rows[:2_000], is_cells=True)
    assert inferred.label == ("is_fraud",)
    assert (inferred.schema.id, inferred.schema.amount) == ("payment_id", "amount")
    assert {name: one.type for name, one in inferred.schema.fields.items()} == {
        "payment_id": "integer",
        "amount": "number",
        "country_risk_score": "number",
        "failed_logins": "integer",
        "transaction_hour": "integer",
        "is_new_device": "boolean",
    }


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.sampled_from(
        ["0", "1", "true", "12", "1.5", "007", "-0", "1e5", "2026-09-21T14:00:00Z", "10.0.0.1", "a@b.cc", *CARDS]
    ),
    st.sampled_from([0, 1, 1.5, 10**18, 2**63 - 1, 2**63, -(2**63), 10**308, 1_789_999_200, -0.0]),
)
keys = st.one_of(
    st.sampled_from(
        ["a", "b", "a.b", "is_fraud", "amount", "created_at", "decision", "hour", "is_new", "id", '"', "", "ä"]
    ),
    st.text(max_size=5),
)
members = st.recursive(
    st.one_of(scalars, st.lists(scalars, max_size=2)),
    lambda inner: st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
alike = st.one_of(st.integers(), st.booleans(), st.text(max_size=3), st.floats(allow_nan=False, allow_infinity=False))


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return rows with common columns, so that types repeat, and other members."""
    columns = draw(
        st.dictionaries(keys, st.sampled_from([scalars, members, st.integers(0, 1), st.text(), alike]), max_size=5)
    )
    rows = draw(
        st.lists(
            st.tuples(st.fixed_dictionaries({}, optional=columns), st.dictionaries(keys, members, max_size=2)).map(
                lambda parts: parts[0] | parts[1]
            ),
            min_size=1,
            max_size=8,
        )
    )
    return [row | {"payment_id": f"p{number}"} for number, row in enumerate(rows)]


@given(tables())
@example([{"payment_id": "a", "x": {"y": 1}}, {"payment_id": "b", "x": 1}])
@example([{"payment_id": "a", "x": {"y": 1}}, {"payment_id": "b", "x": None}])
@example([{"payment_id": "a", "x": {"y": 1}}, {"payment_id": "b", "x": {}}])
def test_every_row_is_valid_by_the_inferred_schema(rows: list[dict[str, Any]]) -> None:
    """The file parses, and each row it was inferred from is a valid message."""
    inferred = infer(rows, source="mine\n\u2028.jsonl")
    assert parse(inferred.text, "payment.toml") == inferred.schema
    assert invalid(inferred.schema, rows) == []


def converted(cell: str, field: DeclaredField) -> object:
    """Return a cell as the JSON of a message with the field's type has it."""
    text = cell.strip()
    if field.type == "boolean":
        return text.lower() in {"true", "1"}
    if field.type in {"text", "category"} or (field.type == "time" and "-" in text):
        return text
    return int(text) if field.type == "integer" else float(text)


def nested(row: Mapping[str, str], schema: PaymentSchema) -> dict[str, object]:
    """Return the message of a row of cells; empty cells are missing."""
    message: dict[str, object] = {}
    for field in schema.fields.values():
        cell = row.get(".".join(field.path), "")
        if cell.strip():
            *parents, last = field.path
            place: Any = message
            for key in parents:
                place = place.setdefault(key, {})
            place[last] = converted(cell, field)
    return message


cells = st.one_of(
    scalars.map(lambda value: "" if value is None else str(value)),
    st.sampled_from(["True", "FALSE", " 1 ", "1.", ".5"]),
)


@given(st.lists(st.dictionaries(keys, cells, max_size=5), min_size=1, max_size=8))
def test_every_line_of_cells_is_valid_by_the_inferred_schema(rows: list[dict[str, str]]) -> None:
    """A line's cells, as values of the inferred types, are a valid message."""
    lines = [row | {"payment_id": f"p{number}"} for number, row in enumerate(rows)]
    inferred = infer(lines, is_cells=True)
    assert parse(inferred.text, "payment.toml") == inferred.schema
    assert invalid(inferred.schema, [nested(line, inferred.schema) for line in lines]) == []


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "id": st.uuids().map(str),
                "n": st.integers(10_007, 2**40),
                "x": st.floats(1.001, 1e9),
                "t": st.text(alphabet="QXZÄ7", min_size=6),
            }
        ),
        min_size=1,
        max_size=6,
    )
)
def test_no_value_is_in_the_text(rows: list[dict[str, Any]]) -> None:
    """Neither texts nor numbers of the rows appear in the file."""
    text = infer(rows).text
    values = {str(value) for row in rows for value in row.values() if str(value).strip("0.") not in {"1", "2", "5"}}
    assume(values)
    assert [value for value in values if value in text] == []


def test_rows_of_the_validator_itself() -> None:
    """Parsed objects are checked like messages."""
    inferred = infer([{"id": "a", "x": 1}, {"id": "b", "x": 2}])
    (event,) = check_all([{"id": "c", "x": -1}], PaymentValues(inferred.schema).adapter)
    assert isinstance(event, InvalidPayment)
