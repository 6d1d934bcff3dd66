"""Decoding: valid payments, and the reason for each invalid message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scores import FORMAT, message, payments

from fraudstream.payment import InvalidPayment

decode, decode_all = FORMAT.payment.decode, FORMAT.payment.decode_all
GOOD = message(amount=1200, country_risk_score=0.68, failed_logins=3, transaction_hour=18)


def with_field(name: str, raw: str) -> bytes:
    """Return GOOD with one field's JSON replaced."""
    fields = json.loads(GOOD)
    return json.dumps(fields | {name: "@"}).replace('"@"', raw).encode()


def with_unknown(raw: str) -> bytes:
    """Return GOOD with an unknown field added."""
    return GOOD[:-1] + f',"x":{raw}}}'.encode()


def reason(value: bytes | None) -> str | None:
    """Return why `value` is invalid, or None if it is a payment."""
    event = decode(value)
    return event.reason if isinstance(event, InvalidPayment) else None


NO_JSON = {
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "truncated": GOOD[:-1],
    "cut in a string": GOOD[:9],
    "two objects": GOOD + b"," + GOOD,
    "a trailing comma": GOOD[:-1] + b",}",
    "a trailing NUL": GOOD + b"\0",
    "nested 100,000 deep": b"[" * 100_000,
    "nested deep in an unknown field": with_unknown("[" * 100_000 + "]" * 100_000),
    "invalid UTF-8 in a string": with_unknown('"@"').replace(b"@", b"\xff"),
    "invalid UTF-8 in a key": GOOD[:-1] + b',"\xff":1}',
    "a lone surrogate": with_unknown(r'"\ud800"'),
    "a raw control character": with_unknown('"a\nb"'),
    "a 5,000-digit integer": with_field("payment_id", "9" * 5_000),
    "Unicode digits": with_field("amount", "١٢٣"),
    "full-width digits": with_field("failed_logins", "\uff11"),
    "an underscore in a number": with_field("amount", "1_000"),
    "a leading zero": with_field("failed_logins", "03"),
    "a plus sign": with_field("amount", "+1"),
    "NaN in an unknown field": with_unknown("NaN"),
    "Infinity in an unknown field": with_unknown("[Infinity]"),
    "-Infinity in an unknown field": with_unknown('{"y":-Infinity}'),
    "garbage": b"\x00\x01\x02",
}


@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON.keys())
def test_invalid_json_is_dead(value: bytes) -> None:
    """Bytes that are not JSON have another reason than JSON that is not a payment."""
    assert reason(value) == "invalid_json"


@pytest.mark.parametrize("value", [b"[]", b"1", b'"text"', b"null", b"true", b"[" + GOOD + b"]"])
def test_json_that_is_not_an_object_is_dead(value: bytes) -> None:
    """An array, a number, a string or null is not a payment."""
    assert reason(value) == "not_an_object"


def test_nothing_is_dead() -> None:
    """A tombstone and an empty value each have a reason of their own."""
    assert [reason(None), reason(b""), reason(b" \n")] == ["tombstone", "empty", "empty"]


WRONG_FIELDS = [
    *[("payment_id", raw) for raw in ("0", "-1", str(2**63), "1.0", '"1"', "true", "null", "1e3")],
    *[
        ("amount", raw)
        for raw in ("0", "-0.01", "1.1e12", "1e400", "NaN", "Infinity", "-Infinity", '"1200"', "true", "null")
    ],
    *[("country_risk_score", raw) for raw in ("-0.01", "1.01", "NaN", '"0.5"', "false", "null", "[]")],
    *[("failed_logins", raw) for raw in ("-1", "10001", "3.0", "3.5", '"3"', "true", "null")],
    *[("transaction_hour", raw) for raw in ("-1", "24", "18.0", '"18"', "true", "null")],
    *[("is_new_device", raw) for raw in ("-1", "2", "1.0", '"1"', "true", "false", "null", "{}")],
]


@pytest.mark.parametrize(("name", "raw"), WRONG_FIELDS)
def test_a_wrong_field_is_dead_and_named(name: str, raw: str) -> None:
    """A field of the wrong type or out of range is named, and its content never quoted."""
    event = decode(with_field(name, raw))
    assert isinstance(event, InvalidPayment)
    assert event.reason == "invalid_field"
    assert event.detail.startswith(f"{name}: ")


@pytest.mark.parametrize("name", FORMAT.schema.fields)
def test_a_missing_field_is_dead_and_named(name: str) -> None:
    """Each field is required."""
    fields = json.loads(GOOD)
    del fields[name]
    event = decode(json.dumps(fields).encode())
    assert event == InvalidPayment(reason="missing_field", detail=f"{name}: Field required")


@pytest.mark.parametrize(
    "value",
    [
        GOOD,
        b" \n" + GOOD + b"\t",
        json.dumps(json.loads(GOOD), indent=2).encode(),
        with_unknown('"NaN and Infinity as words"'),
        with_unknown("1e400"),
        with_unknown('{"nested":[1,2,{"y":null}]}'),
        with_unknown('"' + "a" * 900_000 + '"'),
        with_field("amount", "1e12"),
        with_field("payment_id", str(2**63 - 1)),
        with_field("failed_logins", "-0"),
    ],
)
def test_unusual_payments_are_payments(value: bytes) -> None:
    """White space, unknown fields and extremes within the range are valid."""
    assert reason(value) is None


def test_of_a_field_given_twice_the_last_one_counts() -> None:
    """The last one counts, as in every common JSON library."""
    event = decode(GOOD[:-1] + b',"amount":5}')
    assert not isinstance(event, InvalidPayment)
    assert event["amount"] == 5.0


@pytest.mark.parametrize(
    "pair",
    [
        (b'{"payment_id":1,"x":[{}', b"{}]}"),
        (GOOD[:40], GOOD[41:]),
        (GOOD[:-1], b'"y":1}'),
        (GOOD + b"," + GOOD, b""),
        (b'{"x":"', b'"}'),
        (b"[" + GOOD, GOOD + b"]"),
    ],
)
def test_two_broken_messages_never_repair_each_other(pair: tuple[bytes, bytes]) -> None:
    """A message is judged by its own bytes, whatever its neighbour is."""
    neighbours = [GOOD, *pair, GOOD]
    assert [isinstance(event, InvalidPayment) for event in decode_all(neighbours)] == [False, True, True, False]


fragments = st.sampled_from([b"{", b"}", b"[", b"]", b",", b'"', b":", b"NaN", b"\n", b" ", GOOD, GOOD[:50], GOOD[50:]])
values = st.none() | st.binary(max_size=40) | st.lists(fragments, max_size=6).map(b"".join) | st.just(GOOD)


@given(st.lists(values, max_size=12))
def test_a_batch_is_decoded_as_each_message_alone(batch: list[bytes | None]) -> None:
    """The batch's result equals the one-by-one result."""
    assert decode_all(batch) == [decode(value) for value in batch]


@given(payments)
def test_every_payment_in_range_is_read_back(payment: dict[str, float]) -> None:
    """Values in range are accepted and unchanged."""
    assert decode(json.dumps(payment).encode()) == payment


@given(st.binary(max_size=200))
def test_the_detail_never_quotes_the_message(value: bytes) -> None:
    """Details consist of field names and rules, and have a limited length."""
    event = decode(b'{"payment_id":"SECRET-4111111111111111",' + value)
    assert isinstance(event, InvalidPayment)
    assert "4111" not in event.detail
    assert len(event.detail) <= 300
