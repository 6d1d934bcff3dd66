"""Secret fields: their values leave the scorer as tokens only."""

import json
import re
from typing import Any

import pytest
from tests.scores import Record

from fraudstream.errors import SchemaError, SettingsError
from fraudstream.payment import InvalidPayment, Payments
from fraudstream.payment_schema import default_schema, parse
from fraudstream.runtime.schema_file import tokens_of
from fraudstream.scored_payment import Scored, ScoredFormat
from fraudstream.secret_tokens import Tokens, is_token
from scorer.scored_records import ScoredRecords

KEY, OTHER_KEY = b"k" * 32, b"l" * 32
FIELDS = """
[fields.id]
type = "text"
[fields.email]
type = "text"
secret = true
path = "customer.email"
[fields.pin]
type = "integer"
secret = true
required = false
[fields.again]
type = "text"
secret = true
required = false
"""
CLEAR = ("me@example.com", "918273")
PAYMENT = {"id": "p1", "customer": {"email": CLEAR[0], "age": 7}, "pin": int(CLEAR[1]), "more": CLEAR[0]}


def published(
    head: str, payment: dict[str, Any], record: Record | None = None, more: str = ""
) -> tuple[Any, Any, str, Any]:
    """Return value, key, CSV line and headers of a payment's record."""
    schema = parse(f'id = "id"\n{head}{FIELDS}{more}', "payment.toml")
    form, tokens = ScoredFormat(schema), Tokens(KEY)
    record = record or Record()
    record.value = json.dumps(payment).encode()
    event = form.payment.decode(record.value)
    assert not isinstance(event, InvalidPayment)
    scored = Scored(
        payments=tokens.of_columns(schema, form.payment.columns([event])),
        fraud_probability=[0.5],
        decision=["review"],
        model_version=["v"],
        timestamp_ms=[0],
        partition=[0],
        offset=[0],
    )
    texts = form.texts(scored)
    records = ScoredRecords(form, lambda: 1 << 20, tokens)
    ((key, value, _, headers),), _ = records.of([record], scored, texts, "2026-01-01T00:00:00.000Z")
    assert value
    assert form.read(value), "a reader accepts tokens"
    return json.loads(value), key, texts.csv_lines()[0], headers


def test_no_clear_value_leaves() -> None:
    """Neither the record nor the CSV has a secret value, or a field that is not declared."""
    record = Record(key=CLEAR[0].encode(), headers=[("traceparent", b"t"), ("who", CLEAR[0].encode())])
    value, key, line, headers = published('headers = ["traceparent"]\n', PAYMENT, record)
    assert not any(clear in f"{json.dumps(value)} {key} {line} {headers}" for clear in CLEAR)
    assert headers == [("traceparent", b"t")]
    assert value["customer"].keys() == {"email"}
    assert "more" not in value
    assert value["again"] is None
    tokens = Tokens(KEY)
    assert re.fullmatch(r"[0-9a-f]{8}\.[\w-]{24}", value["customer"]["email"])
    assert value["customer"]["email"].startswith(tokens.key_id)
    assert f",{value['customer']['email']},{value['pin']},," in line


def test_undeclared_fields_pass_through_where_the_schema_says_so() -> None:
    """With `passthrough` the record is the received object, with tokens in place of declared secrets."""
    value, key, _, _ = published("passthrough = true\n", {**PAYMENT, "decision": "x"}, Record(key=b"p1"))
    assert value["customer"]["age"] == 7
    assert value["more"] == CLEAR[0], "a value that no field declares is the user's own risk"
    assert value["customer"]["email"] != CLEAR[0]
    assert isinstance(value["pin"], str)
    assert value["decision"] == "review"
    assert key == b"p1"


def test_a_secret_with_a_default_in_a_missing_object() -> None:
    """The token is in an object that is made for it."""
    fields = '[fields.card]\ntype = "text"\npath = "card.pan"\nrequired = false\ndefault = "none"\nsecret = true\n'
    value, _, _, _ = published("passthrough = true\n", {**PAYMENT, "card": None}, more=fields)
    assert is_token(value["card"]["pan"])


def test_another_member_is_not_taken_for_a_moved_field() -> None:
    """A field that is read from a name of ours has its name in outputs, which the sender may use too."""
    fields = '[fields.theirs]\ntype = "text"\npath = "decision"\nas = "payment_decision"\nrequired = false\n'
    value, _, line, _ = published("passthrough = true\n", {**PAYMENT, "payment_decision": "x"}, more=fields)
    assert "payment_decision" not in value
    assert ",x," not in line
    value, _, line, _ = published("passthrough = true\n", {**PAYMENT, "decision": "x"}, more=fields)
    assert (value["payment_decision"], value["decision"]) == ("x", "review")
    assert ",x," in line


def test_a_secret_key_of_the_topic_is_the_fields_token() -> None:
    """A record whose key is not a declared value gets a token; the same key has the same one."""
    (_, first, _, _), (_, again, _, _) = (published("", PAYMENT, Record(key=b"4111")) for _ in range(2))
    assert first == again
    assert b"4111" not in first
    assert published("", PAYMENT, Record(key=None))[1] is None


def test_tokens() -> None:
    """A token depends on key, field and type, and is the same for equal values."""
    schema = parse(f'id = "id"\n{FIELDS}', "payment.toml")
    columns: Payments = {"id": ["a", "b"], "email": ["x", "x"], "pin": [None, 7], "again": ["x", None]}
    first, other = (Tokens(key).of_columns(schema, columns) for key in (KEY, OTHER_KEY))
    assert first["email"][0] == first["email"][1] != first["again"][0]
    assert first["pin"][0] is None
    assert first["id"] == columns["id"]
    assert not {*first["email"], *first["pin"]} & {*other["email"], *other["pin"]} - {None}
    digits = parse(f'id = "id"\n{FIELDS}'.replace('"integer"', '"text"'), "payment.toml")
    assert Tokens(KEY).of_columns(digits, {**columns, "pin": [None, "7"]})["pin"] != first["pin"]


@pytest.mark.parametrize(("key", "problem"), [("", "SECRETS_KEY: .*(email, pin, again)"), ("short", "5 bytes")])
def test_without_a_key(key: str, problem: str) -> None:
    """A schema with secrets needs a key; the message names the setting."""
    schema = parse(f'id = "id"\n{FIELDS}', "payment.toml")
    with pytest.raises(SettingsError, match=problem):
        tokens_of(schema, {"SECRETS_KEY": key})
    assert tokens_of(default_schema(), {}) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('amount = "pin"\n', "the amount can't be secret"),
        ("", "range of a secret field"),
    ],
)
def test_roles_of_secrets(text: str, problem: str) -> None:
    """The amount is shown with each decision, and a model's file holds the range of a number."""
    fields = FIELDS if text else FIELDS.replace('type = "integer"', 'type = "integer"\nfeature = true')
    with pytest.raises(SchemaError, match=problem):
        parse(f'id = "id"\n{text}{fields}', "payment.toml")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            '[fields.a]\ntype = "text"\npath = "decision"\nas = "pan"\n[fields.b]\ntype = "text"\npath = "pan"',
            "field b",
        ),
        (f'[fields.a]\ntype = "text"\npath = "{".".join("k" * 33)}"', "33 keys"),
        ('[fields.a]\ntype = "text"\nstrict = false', "only for types"),
    ],
)
def test_fields_that_no_record_can_have(fields: str, problem: str) -> None:
    """These would have the same place in a record, a validator that is too deep, or no validator."""
    with pytest.raises(SchemaError, match=problem):
        parse(f'id = "id"\n[fields.id]\ntype = "text"\n{fields}', "payment.toml")
