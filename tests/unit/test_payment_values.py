"""Messages → values by a schema: the default schema decides as the built-in payment does; what `strict` changes."""

import json
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from fraudstream.payment import InvalidPayment, decode_each
from fraudstream.payment_schema import PaymentSchema, parse
from fraudstream.payment_values import PaymentValues

DEFAULT = parse((Path(__file__).parents[2] / "data/payment.toml").read_text(), "payment.toml")
DEFAULTS = PaymentValues(DEFAULT)
VALID = {
    "payment_id": 1,
    "amount": 12.5,
    "country_risk_score": 0.25,
    "failed_logins": 0,
    "transaction_hour": 23,
    "is_new_device": 1,
}


def schema(table: str) -> PaymentSchema:
    """Return a schema with a field `x`, declared by the lines of `table`."""
    return parse(f'id = "id"\n[fields.id]\ntype = "text"\n[fields.x]\n{table}\n', "payment.toml")


def read(table: str, message: str) -> Any:
    """Return the value of `x` in a message, or the reason why it is invalid."""
    values = PaymentValues(schema(table))
    event = decode_each([message.encode()], values.adapter)[0]
    return event.reason if isinstance(event, InvalidPayment) else values.values(event)["x"]


numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.text(max_size=5),
    st.sampled_from([0, 1, 23, 24, 10_000, 10_001, 2**63 - 1, 2**63, -1, 0.0, 1.0, 1e12, 1.1e12, "1", [], {}]),
)
objects = st.one_of(
    st.fixed_dictionaries(dict.fromkeys(VALID, numbers)),
    st.dictionaries(st.sampled_from([*VALID, "more"]), numbers).map(lambda some: VALID | some),
    st.dictionaries(st.sampled_from([*VALID, "more"]), numbers),
)


@with_config(ConfigDict(strict=True, allow_inf_nan=False, extra="ignore"))
class Given(TypedDict):
    """The payment that the users gave, as a type of its own."""

    payment_id: Annotated[int, Field(ge=1, le=2**63 - 1)]
    amount: Annotated[float, Field(gt=0, le=1e12)]
    country_risk_score: Annotated[float, Field(ge=0, le=1)]
    failed_logins: Annotated[int, Field(ge=0, le=10_000)]
    transaction_hour: Annotated[int, Field(ge=0, le=23)]
    is_new_device: Annotated[int, Field(ge=0, le=1)]


GIVEN = TypeAdapter(Given)


@given(objects)
def test_the_default_schema_decides_as_the_payment_does(message: dict[str, Any]) -> None:
    """Every object is valid for both with the same values, or invalid for both with the same explanation."""
    value = json.dumps(message).encode()
    built_in, declared = decode_each([value], GIVEN)[0], decode_each([value], DEFAULTS.adapter)[0]
    assert built_in == declared
    if not isinstance(declared, InvalidPayment):
        assert DEFAULTS.values(declared) == built_in


@pytest.mark.parametrize(
    ("table", "good", "bad"),
    [
        (
            'type = "integer"',
            {"3": 3, "-9223372036854775807": -(2**63 - 1)},
            ["3.0", '"3"', "true", "9223372036854775808"],
        ),
        (
            'type = "integer"\nstrict = false',
            {"3": 3, "3.0": 3, '"3"': 3, '"-07"': -7},
            ["3.5", '"3.0"', '" 3"', '"٣"', '"1_000"', "true", '""', '"9223372036854775808"'],
        ),
        ('type = "number"\nabove = 0', {"3": 3.0, "0.5": 0.5}, ["0", '"3"', "true", "1e999", "NaN"]),
        (
            'type = "number"\nstrict = false',
            {'"3.50"': 3.5, '"1e3"': 1000.0, "7": 7.0, '".5"': 0.5},
            ['"3,5"', '"inf"', '"nan"', '"1_0"', '" 3"', '"0x10"', "true", '"1e999"', '""'],
        ),
        ('type = "boolean"', {"true": True, "false": False, "1": True, "0": False}, ["2", '"true"', "1.0", '"1"']),
        (
            'type = "boolean"\nstrict = false',
            {'"true"': True, '"0"': False, "1": True},
            ['"True"', '"yes"', "2", '"t"', "1.0", '" 1"', '""'],
        ),
        ('type = "text"', {'"a"': "a", '""': ""}, ["1", "true", json.dumps("x" * 257), '"\\ud800"']),
        ('type = "category"\nmax_length = 2', {'"ab"': "ab"}, ['"abc"', "1"]),
        (
            'type = "time"',
            {
                '"2026-09-21T14:00:00Z"': 1_789_999_200_000,
                '"2026-09-21T16:00:00.123456789+02:00"': 1_789_999_200_123,
                "1789999200": 1_789_999_200_000,
                "1789999200123": 1_789_999_200_123,
                "1789999200.5": 1_789_999_200_500,
            },
            [
                '"2026-09-21T14:00:00"',
                '"2026-09-21T24:00:00Z"',
                '"2026-09-21"',
                '"now"',
                "-1",
                "1e20",
                "true",
                '"2026-13-01T00:00:00Z"',
            ],
        ),
    ],
)
def test_what_a_type_accepts(table: str, good: dict[str, Any], bad: list[str]) -> None:
    """Each type accepts exactly what its documentation lists."""
    assert {text: read(table, f'{{"id": "a", "x": {text}}}') for text in good} == good
    reasons = {text: read(table, f'{{"id": "a", "x": {text}}}') for text in bad}
    assert {text: reason for text, reason in reasons.items() if reason not in {"invalid_field", "invalid_json"}} == {}


@given(st.lists(st.permutations([*VALID.items(), ("more", 1)]), min_size=1, max_size=3))
def test_columns_of_members_in_any_order(orders: list[list[tuple[str, float]]]) -> None:
    """Columns have the order of the fields, whatever that of a message's members, some of which are not declared."""
    messages = [json.dumps(dict(members)).encode() for members in orders]
    payments = [one for one in decode_each(messages, DEFAULTS.adapter) if not isinstance(one, InvalidPayment)]
    columns = {name: list(column) for name, column in DEFAULTS.columns(payments).items()}
    assert columns == {name: [value] * len(messages) for name, value in VALID.items()}


def test_missing_values() -> None:
    """A missing value and null are the same: an error if the field is required, else its default, or None."""
    for message in ('{"id": "a"}', '{"id": "a", "x": null}'):
        assert read('type = "integer"\nrequired = false', message) is None
        assert read('type = "integer"\nrequired = false\ndefault = 7', message) == 7
        assert read('type = "boolean"\nrequired = false', message) is None
        assert read('type = "time"\nrequired = false', message) is None
        assert read('type = "number"\nrequired = false\nstrict = false', message) is None
        assert read('type = "integer"', message) in {"missing_field", "invalid_field"}


def test_paths() -> None:
    """A path leads into nested objects; keys with dots are quoted."""
    table = """type = "number"\npath = 'card."a.b".amount'"""
    assert read(table, '{"id": "a", "card": {"a.b": {"amount": 2.5, "more": 1}}}') == 2.5
    assert read(table, '{"id": "a", "card": {"a": {"b": {"amount": 2.5}}}}') == "missing_field"
    assert read(table, '{"id": "a", "card": 3}') == "invalid_field"
    optional = f"{table}\nrequired = false"
    for message in ('{"id": "a"}', '{"id": "a", "card": null}', '{"id": "a", "card": {"a.b": null}}'):
        assert read(optional, message) is None
