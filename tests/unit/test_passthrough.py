"""Received objects with our members added: what a sender wrote is kept, and never taken for ours."""

import json
from collections.abc import Callable
from typing import Any

import pydantic_core
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scores import FORMAT, PAYMENT

from fraudstream.payment import InvalidPayment
from fraudstream.payment_schema import default_schema, is_ours
from fraudstream.scored_payment import DOUBLED, RESERVED, TOO_LARGE, UNREADABLE
from scorer.passthrough import PassThrough

OURS = (
    b',"fraud_probability":0.500000,"decision":"review","model_version":"v","reasons":[],'
    b'"source_partition":1,"source_offset":2,"scored_at":"2026-01-01T00:00:00.000Z"}'
)
OWN: dict[str, Any] = json.loads(b'{"x":0' + OURS)
del OWN["x"]
FIELDS = json.dumps(PAYMENT)[1:-1]
DECLARED = f"{{{FIELDS}}}"
passed = PassThrough(default_schema()).passed


def one(value: bytes) -> tuple[bytes, str]:
    """Return the scored record of a valid payment, and the cause of a removal."""
    assert not isinstance(FORMAT.payment.decode(value), InvalidPayment), "the payment itself is valid"
    found = passed([value], lambda _: DECLARED)
    return found.heads[0].encode() + OURS, found.removed.get(0, "")


def members(value: bytes) -> list[tuple[str, Any]]:
    """Return the members of an object in their order, also doubled ones."""
    return list(json.loads(value, object_pairs_hook=lambda pairs: pairs))


def check(value: bytes, others: dict[str, Any]) -> None:
    """Assert that a record has the payment, what passes through, and our members once each."""
    found = members(value)
    assert len({name for name, _ in found}) == len(found)
    assert json.loads(value) == {**PAYMENT, **others, **OWN}
    assert FORMAT.read(value) is not None


SPLICED: dict[str, Callable[[], str]] = {
    "nothing else": lambda: f"{{{FIELDS}}}",
    "spaces around": lambda: f" {{{FIELDS} }} \n",
    "line breaks": lambda: f"{{\r\n{FIELDS}\r\n}}\t",
    "a text": lambda: f'{{{FIELDS},"card_id":"4f"}}',
    "a text first": lambda: f'{{"card_id":"4f",{FIELDS}}}',
    "a colon in a text": lambda: f'{{{FIELDS},"at":"14:00:00"}}',
    "an escaped quote": lambda: f'{{{FIELDS},"note":"a\\":\\"b"}}',
    "braces in a text": lambda: f'{{{FIELDS},"note":"}}{{"}}',
    "a backslash at the end": lambda: f'{{{FIELDS},"note":"a\\\\"}}',
    "a key in a text": lambda: f'{{{FIELDS},"note":"\\"decision\\":"}}',
    "an empty key": lambda: f'{{{FIELDS},"":1}}',
    "an empty object": lambda: f'{{{FIELDS},"o":{{}}}}',
    "an array": lambda: f'{{{FIELDS},"a":[1,[2,{{"b":3}}]]}}',
    "null": lambda: f'{{{FIELDS},"n":null}}',
    "a nested name of ours": lambda: f'{{{FIELDS},"o":{{"decision":"approve"}}}}',
    "the same name at two depths": lambda: f'{{{FIELDS},"o":{{"amount":1}}}}',
    "a large integer": lambda: f'{{{FIELDS},"i":{10**30}}}',
    "an exact decimal": lambda: f'{{{FIELDS},"d":1.50}}',
    "a name that begins like ours": lambda: f'{{{FIELDS},"decisions":1,"feature":2,"challenge":3}}',
    "a column of the CSV": lambda: f'{{{FIELDS},"timestamp":"x","partition":9,"offset":9}}',
    "unicode": lambda: f'{{{FIELDS},"ключ":"значение","e":"\U0001f600"}}',
    "line separators": lambda: f'{{{FIELDS},"t":"\u2028\u0085"}}',
    "NUL": lambda: f'{{{FIELDS},"t":"\\u0000"}}',
    "depth 199": lambda: f'{{{FIELDS},"d":{"[" * 198}{"]" * 198}}}',
    "an integer of 4,000 digits": lambda: f'{{{FIELDS},"i":{"1" * 4_000}}}',
    "a number above all": lambda: f'{{{FIELDS},"x":1e999}}',
    "keys in arrays": lambda: f'{{{FIELDS},"l":[{{"a":1}},{{"a":2}}]}}',
}


@pytest.mark.parametrize("name", SPLICED)
def test_received_bytes_are_kept(name: str) -> None:
    """The record begins with the received bytes, up to the last brace."""
    text = SPLICED[name]()
    value, cause = one(text.encode())
    assert cause == ""
    assert value == text.encode().rstrip()[:-1] + OURS
    check(value, {key: found for key, found in json.loads(text).items() if key not in PAYMENT})


REWRITTEN: dict[str, tuple[str, str, dict[str, Any]]] = {
    "decision": (f'{{{FIELDS},"decision":"approve"}}', RESERVED, {}),
    "decision first": (f'{{"decision":"approve",{FIELDS}}}', RESERVED, {}),
    "an escaped name of ours": (f'{{{FIELDS},"\\u0064ecision":"approve"}}', RESERVED, {}),
    "an escaped name of ours among others": (f'{{{FIELDS},"a":1,"\\u0064ecision":"approve"}}', RESERVED, {"a": 1}),
    "fraud_probability": (f'{{{FIELDS},"fraud_probability":0}}', RESERVED, {}),
    "model_version": (f'{{{FIELDS},"model_version":"x","k":"v"}}', RESERVED, {"k": "v"}),
    "source_offset": (f'{{{FIELDS},"source_offset":7,"source_partition":3}}', RESERVED, {}),
    "scored_at": (f'{{{FIELDS},"scored_at":"x"}}', RESERVED, {}),
    "reasons": (f'{{{FIELDS},"reasons":[1]}}', RESERVED, {}),
    "a challenger": (f'{{{FIELDS},"challenger_probability":1,"challenger_x":2}}', RESERVED, {}),
    "a name of a later release": (f'{{{FIELDS},"features":{{}}}}', RESERVED, {}),
    "a doubled field": (f'{{"amount":99.0,{FIELDS}}}', DOUBLED, {}),
    "a doubled other": (f'{{{FIELDS},"a":1,"a":2}}', DOUBLED, {"a": 2}),
    "a doubled nested name": (f'{{{FIELDS},"o":{{"a":1,"a":2}}}}', DOUBLED, {"o": {"a": 2}}),
    "an escape that doubles": (f'{{{FIELDS},"a":1,"\\u0061":2}}', DOUBLED, {"a": 2}),
    "an escaped field": (FIELDS.replace('"amount"', '"\\u0061mount"').join(("{", ',"a":1}')), "", {"a": 1}),
    "a number above all, written again": (f'{{{FIELDS},"decision":1,"x":1e999}}', RESERVED, {"x": None}),
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_objects_that_are_written_again(name: str) -> None:
    """A name of ours, and all but the last of doubled names, are not in the record."""
    text, expected, others = REWRITTEN[name]
    value, cause = one(text.encode())
    assert cause == expected
    check(value, others)


def test_an_object_that_no_reader_would_accept() -> None:
    """The record has the declared fields only where it would have more values than readers accept."""
    value, cause = one(f'{{{FIELDS},"l":[{",".join("1" * 2_500)}]}}'.encode())
    assert (value, cause) == (DECLARED[:-1].encode() + OURS, TOO_LARGE)
    check(value, {})


def test_an_object_that_cannot_be_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The validator has parsed it; should another parse fail, the record has the declared fields only."""

    def fail(_: bytes) -> object:
        raise ValueError("a limit of the parser")

    monkeypatch.setattr(pydantic_core, "from_json", fail)
    value, cause = one(f'{{{FIELDS},"a":1}}'.encode())
    assert (value, cause) == (DECLARED[:-1].encode() + OURS, UNREADABLE)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=8,
)
names = st.one_of(st.text(max_size=12), st.sampled_from([*OWN, *PAYMENT, "challenger_x", "features", 'a":"b', "\\"]))


@given(st.dictionaries(names, json_values, max_size=5), st.booleans(), st.booleans())
def test_any_other_members(others: dict[str, Any], first: bool, escaped: bool) -> None:
    """All members that are not ours pass through with their values; ours are those of the scorer."""
    others = {name: value for name, value in others.items() if name not in PAYMENT}
    message = {**others, **PAYMENT} if first else {**PAYMENT, **others}
    value, _ = one(json.dumps(message, ensure_ascii=escaped).encode("utf-8", "surrogatepass"))
    check(value, {name: member for name, member in others.items() if not is_ours(name)})


@given(st.lists(st.sampled_from([DECLARED, f" {DECLARED}", f"{DECLARED} ", f'{{{FIELDS},"a":"}}"}}']), max_size=6))
def test_payments_of_a_batch_do_not_mix(batch: list[str]) -> None:
    """Each payment of a batch has the record that it has alone."""
    found = passed([text.encode() for text in batch], lambda _: DECLARED)
    assert found.heads == [passed([text.encode()], lambda _: DECLARED).heads[0] for text in batch]
    assert [json.loads(head.encode() + OURS) for head in found.heads] == [{**json.loads(text), **OWN} for text in batch]
