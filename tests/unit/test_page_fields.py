"""The page's view of a schema: labels and formats of fields, values that JavaScript can hold, ids that are typed."""

import json
import re
from pathlib import Path

import pydantic_core
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.fields import described
from dashboard.records import shown
from dashboard.search_ids import NoIdError, parse_id
from fraudstream.payment_schema import PaymentSchema, default_schema, parse
from fraudstream.scored_payment import ScoredPayment
from fraudstream.secret_tokens import Tokens

CARDS = parse((Path(__file__).parents[2] / "examples/cards/payment.toml").read_text("utf-8"), "payment.toml")
LONGEST = 4_096


def text_ids(most: int = 256, fields: int = 0) -> PaymentSchema:
    """Return a schema with a text id of at most `most` characters, and more text fields."""
    more = "".join(f'[fields.f{number}]\ntype = "text"\nmax_length = 4096\n' for number in range(fields))
    return parse(f'id = "id"\n[fields.id]\ntype = "text"\nmax_length = {most}\n{more}', "payment.toml")


def scored(schema: PaymentSchema, **fields: bool | float | str | None) -> ScoredPayment:
    """Return a scored payment with these fields."""
    identity = fields[schema.id]
    assert isinstance(identity, int | str)
    return ScoredPayment(
        id=identity,
        fields=fields,
        fraud_probability=0.5,
        decision="review",
        model_version="v1",
        reasons=[],
        source_partition=0,
        source_offset=7,
        scored_at="2027-01-15T08:00:00.000Z",
        challenger_probability=None,
        challenger_version=None,
    )


def test_the_default_payment_keeps_its_words() -> None:
    """Labels and formats of the default schema."""
    found = [(field["label"], field["format"], field["role"]) for field in described(default_schema())["fields"]]
    assert found == [
        ("Payment id", "number", "id"),
        ("Amount", "amount", "amount"),
        ("Country risk score", "number", None),
        ("Failed logins", "number", None),
        ("Hour of the day", "hour", None),
        ("New device", "flag", None),
    ]


def test_another_payment_is_described_by_its_schema() -> None:
    """Nested paths, roles, secrets, indexes, flags and times of the example with 28 fields."""
    found = described(CARDS)
    fields = {field["name"]: field for field in found["fields"]}
    assert list(fields) == list(CARDS.fields)
    assert found["has_secrets"] is True
    assert found["layout"] == CARDS.layout
    assert {name: field["role"] for name, field in fields.items() if field["role"]} == {
        "transaction_id": "id",
        "created_at": "time",
        "amount": "amount",
        "card_token": "key",
    }
    assert [name for name, field in fields.items() if field["secret"]] == ["customer_email", "device_ip"]
    assert [name for name, field in fields.items() if field["index"]] == ["merchant_id", "card_token"]
    assert fields["card_is_virtual"]["format"] == fields["device_is_new"]["format"] == "flag"
    assert fields["created_at"]["format"] == "time"
    assert fields["transaction_id"]["max_length"] == 36


def test_several_hours_have_their_own_names() -> None:
    """Only a single hour is the hour of the day."""
    hour = 'type = "integer"\nmin = 0\nmax = 23\nfeature = { period = 24 }\n'
    identity = 'id = "id"\n[fields.id]\ntype = "integer"\n'
    schema = parse(f"{identity}[fields.local_hour]\n{hour}[fields.utc_hour]\n{hour}", "payment.toml")
    assert [field["label"] for field in described(schema)["fields"]] == ["Id", "Local hour", "Utc hour"]


def test_a_schema_without_an_amount() -> None:
    """No field has the role."""
    assert [field["role"] for field in described(text_ids(fields=2))["fields"]] == ["id", None, None]


def test_values_arrive_as_javascript_can_hold_them() -> None:
    """Integers above 2^53 and times are text, also of negative numbers; a missing value is null."""
    schema = parse(
        'id = "id"\n[fields.id]\ntype = "integer"\n[fields.account]\ntype = "integer"\n[fields.at]\ntype = "time"\n'
        '[fields.is_new]\ntype = "boolean"\n[fields.missing]\ntype = "text"\nrequired = false\n',
        "payment.toml",
    )
    value = scored(schema, id=-(2**63) + 1, account=2**53 + 1, at=1_800_000_000_000, is_new=True, missing=None)
    assert shown(scored(schema, id=1, at=-1), schema, 0)["fields"]["at"] == "1969-12-31T23:59:59.999Z"
    found = shown(value, schema, 0)
    assert found["id"] == "-9223372036854775807"
    assert found["fields"] == {
        "account": "9007199254740993",
        "at": "2027-01-15T08:00:00.000Z",
        "is_new": True,
        "missing": None,
    }
    assert shown(scored(schema, id=1, account=-(2**53)), schema, 0)["fields"]["account"] == -(2**53)


def test_a_payment_of_many_long_texts_is_bounded() -> None:
    """200 texts of 4,096 characters take less than 20 kB; a few short ones are whole."""
    schema = text_ids(fields=199)
    long = dict.fromkeys(schema.fields, "x" * LONGEST)
    found = shown(scored(schema, **long), schema, 0)
    assert len(json.dumps(found["fields"])) < 20_000
    assert found["fields"]["f0"] == "x" * 40 + "…"
    few = text_ids(fields=2)
    assert shown(scored(few, id="a", f0="y" * 500, f1="z" * 501), few, 0)["fields"] == {
        "f0": "y" * 500,
        "f1": "z" * 500 + "…",
    }


def test_a_secret_that_is_no_token_is_hidden() -> None:
    """Records written before a field was declared secret have its clear value."""
    fields: dict[str, bool | float | str | None] = dict.fromkeys(CARDS.fields)
    payments = {"customer_email": ["anna@example.com"], "device_ip": ["192.0.2.1"]}
    token = Tokens(bytes(32)).of_columns(CARDS, payments)["customer_email"][0]
    fields |= {"transaction_id": "1", "customer_email": token, "device_ip": "192.0.2.1"}
    found = shown(scored(CARDS, **fields), CARDS, 0)["fields"]
    assert (found["customer_email"], found["device_ip"]) == (token, "hidden")
    assert shown(scored(CARDS, **fields | {"device_ip": None}), CARDS, 0)["fields"]["device_ip"] is None


@given(st.text(max_size=40))
def test_any_text_is_a_text_id(text: str) -> None:
    """A text id is itself, with any characters; an empty or too long one is none."""
    schema = text_ids(most=20)
    if 0 < len(text) <= 20:
        assert parse_id(text, schema) == text
    else:
        with pytest.raises(NoIdError, match="1 to 20 characters"):
            parse_id(text, schema)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_any_integer_is_an_integer_id(number: int) -> None:
    """Every integer of a schema without a range; of the default one, from 1 on."""
    unlimited = parse('id = "id"\n[fields.id]\ntype = "integer"\n', "payment.toml")
    assert parse_id(str(number), unlimited) == number
    if number >= 1:
        assert parse_id(str(number), default_schema()) == number
    else:
        with pytest.raises(NoIdError, match=r"^A payment id is a whole number from 1 to 2\^63-1\.$"):
            parse_id(str(number), default_schema())


@given(st.text() | st.from_regex(r"[+-]?[0-9²]*[.,]?[0-9]*", fullmatch=True))
def test_any_text_is_an_id_or_an_error(text: str) -> None:
    """Nothing but a whole number is an integer id, whatever Python would read as one."""
    try:
        found = parse_id(text, default_schema())
    except NoIdError:
        return
    assert isinstance(found, int)
    assert re.sub(r"[_, \u00a0\u202f]", "", text).lstrip("0") == str(found)


@pytest.mark.parametrize("text", ["1_234_567", "1,234,567", "1 234 567", "1\u202f234\u202f567", "1234567"])
def test_an_integer_id_may_have_its_digits_in_groups(text: str) -> None:
    """As programs and people write integers, with one kind of separator."""
    assert parse_id(text, default_schema()) == 1_234_567


@pytest.mark.parametrize("text", ["1_23", "1,234 567", "1.234", "_123", "1234,567", "1,234,", "1__234"])
def test_other_separators_are_no_id(text: str) -> None:
    """A decimal number is not read as a larger integer."""
    with pytest.raises(NoIdError, match="whole number"):
        parse_id(text, default_schema())


def test_amounts_have_the_currency() -> None:
    """The page gets the currency with the schema; without one it is empty."""
    assert described(default_schema(), "EUR")["currency"] == "EUR"
    assert described(default_schema())["currency"] == ""


@given(st.lists(st.sampled_from(list(CARDS.fields)), unique=True), st.text(max_size=600))
def test_any_record_becomes_json(missing: list[str], text: str) -> None:
    """Whatever a record lacks, and whatever its texts are."""
    fields: dict[str, bool | float | str | None] = dict.fromkeys(CARDS.fields, text)
    fields |= dict.fromkeys(missing, None) | {"transaction_id": text, "created_at": 1}
    found = json.loads(pydantic_core.to_json(shown(scored(CARDS, **fields), CARDS, -1)))
    assert found["id"] == text
    assert found["fields"].keys() == CARDS.fields.keys() - {"transaction_id"}
