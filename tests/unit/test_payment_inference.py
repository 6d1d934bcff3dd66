"""Rows → a commented payment.toml that accepts every one of them, and contains no value of any."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from cli.schema.inference import Inference, Inferred
from fraudstream.payment import InvalidPayment, decode_each
from fraudstream.payment_schema import DeclaredField, PaymentSchema
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
    assert "# left out, in under 1 % of the messages: 2 fields\n" in inferred.text
    assert "# left out, without any value: 1 field\n" in inferred.text
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
