"""Any rows: all are valid by the schema that is inferred from them, and no value of them is in it."""

from collections.abc import Mapping
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st
from tests.unit.test_payment_inference import CARDS, infer, invalid

from fraudstream.payment import InvalidPayment, check_all
from fraudstream.payment_schema import DeclaredField, PaymentSchema, parse
from fraudstream.payment_values import PaymentValues

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
