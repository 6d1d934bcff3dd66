"""Formats that senders use by mistake: each has its own detail, and none is a payment."""

import base64
import bz2
import gzip
import json
import lzma
import time
import zlib
from contextlib import ExitStack
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz import examples
from tests.scores import FORMAT, payment

from fraudstream import wire_formats
from fraudstream.payment import REASONS, InvalidPayment

decode = FORMAT.payment.decode
FIELDS = payment(amount=11.5, country_risk_score=0.25)
TEXT = json.dumps(FIELDS)
GOOD = TEXT.encode()
MISTAKES = {
    "UTF-8 byte order mark": (GOOD.decode().encode("utf-8-sig"), "invalid_json", "UTF-8 byte order mark"),
    "UTF-16 with a mark": (TEXT.encode("utf-16"), "invalid_json", "UTF-16"),
    "UTF-16, big-endian, with a mark": (b"\xfe\xff" + TEXT.encode("utf-16-be"), "invalid_json", "UTF-16"),
    "UTF-16, little-endian": (TEXT.encode("utf-16-le"), "invalid_json", "UTF-16"),
    "UTF-16, big-endian": (TEXT.encode("utf-16-be"), "invalid_json", "UTF-16"),
    "UTF-32 with a mark": (TEXT.encode("utf-32"), "invalid_json", "UTF-32"),
    "UTF-32, big-endian, with a mark": (b"\x00\x00\xfe\xff" + TEXT.encode("utf-32-be"), "invalid_json", "UTF-32"),
    "UTF-32, little-endian": (TEXT.encode("utf-32-le"), "invalid_json", "UTF-32"),
    "UTF-32, big-endian": (TEXT.encode("utf-32-be"), "invalid_json", "UTF-32"),
    "UTF-16 after a line break": (f"\n {TEXT}".encode("utf-16-le"), "invalid_json", "UTF-16"),
    "gzip": (gzip.compress(GOOD), "invalid_json", "gzip"),
    "zlib": (zlib.compress(GOOD), "invalid_json", "zlib"),
    "zlib, fast": (zlib.compress(GOOD, 1), "invalid_json", "zlib"),
    "zstd": (b"\x28\xb5\x2f\xfd" + GOOD, "invalid_json", "zstd"),
    "lz4": (b"\x04\x22\x4d\x18" + GOOD, "invalid_json", "lz4"),
    "snappy, framed": (b"\xff\x06\x00\x00sNaPpY" + GOOD, "invalid_json", "snappy"),
    "snappy, of Java": (b"\x82SNAPPY\x00" + GOOD, "invalid_json", "snappy"),
    "xz": (lzma.compress(GOOD), "invalid_json", "xz"),
    "bzip2": (bz2.compress(GOOD), "invalid_json", "bzip2"),
    "ZIP": (b"PK\x03\x04\x14\x00", "invalid_json", "ZIP"),
    "deflate, raw": (zlib.compress(GOOD)[2:-4], "invalid_json", "is not UTF-8 text"),
    "Latin-1": (
        b'{"name":"caf\xe9",' + GOOD[1:],
        "invalid_json",
        "byte 13 of the value is not UTF-8 (Latin-1, Windows-1252?)",
    ),
    "MessagePack": (
        b"\x86\xaapayment_id\x01\xa6amount\xcb@'\x00\x00",
        "invalid_json",
        "looks like MessagePack",
    ),
    "MessagePack, many fields": (b"\xde\x00\x11\xaapayment_id\x01", "invalid_json", "looks like MessagePack"),
    "CBOR": (b"\xa6\x6apayment_id\x01\x66amount\xf9\x3c\x00", "invalid_json", "looks like CBOR"),
    "CBOR, of unknown length": (b"\xbf\x6apayment_id\x01\xff", "invalid_json", "looks like CBOR"),
    "BSON": (b"\x15\x00\x00\x00\x10payment_id\x00\x01\x00\x00\x00\x00", "invalid_json", "looks like BSON"),
    "Protobuf": (
        b"\x08\x01\x11\x00\x00\x00\x00\x00\x00\x27\x40",
        "invalid_json",
        "binary, such as Protobuf (byte 1 is a control character)",
    ),
    "Protobuf, text first": (
        b"\x0a\x02id\x10\x16\x01",
        "invalid_json",
        "binary, such as Protobuf (byte 2 is a control",
    ),
    "a number as 8 bytes": (b"\x00\x00\x00\x01", "invalid_json", "binary, such as Protobuf (byte 1 is a control"),
    "control character in a string": (b'{"a":"\x01"}', "invalid_json", "found while parsing a string"),
    "XML": (b'<?xml version="1.0"?><payment/>', "invalid_json", "XML"),
    "syslog": (b"<14>1 payment", "invalid_json", "text, but not JSON (expected value at"),
    "two objects": (GOOD + b"\n" + GOOD, "invalid_json", "several JSON objects"),
    "two objects in a line": (GOOD + GOOD, "invalid_json", "several JSON objects"),
    "three objects in lines": (
        GOOD + b"\r\n" + GOOD + b"\r\n" + GOOD + b"\r\n",
        "invalid_json",
        "several JSON objects",
    ),
    "one object, then text": (GOOD + b" // }", "invalid_json", "trailing characters"),
    "braces in a string, then text": (b'{"a":"}{"} x', "invalid_json", "trailing characters"),
    "one object, then braces": (GOOD + b"{x}", "invalid_json", "trailing characters"),
    "objects in lines, not ASCII": ('{"a":"\u00e9"}\n\n {"b":1}'.encode(), "invalid_json", "several JSON objects"),
    "text that begins with x": (b"x amount 5", "invalid_json", "text, but not JSON"),
    "text that begins with x?": (b"x?y", "invalid_json", "text, but not JSON"),
    "zlib, level 5": (zlib.compress(GOOD, 5), "invalid_json", "zlib"),
    "NaN in another field": (GOOD[:-1] + b',"a":NaN}', "invalid_json", "NaN or Infinity"),
    "Schema Registry, JSON": (b"\x00\x00\x00\x00\x07" + GOOD, "invalid_json", "(a zero byte, schema id 7), then JSON"),
    "Schema Registry, any id": (
        b"\x00\x00\x0f\x42\x40" + GOOD,
        "invalid_json",
        "(a zero byte, a 4-byte schema id), then",
    ),
    "AWS Glue": (b"\x03\x00" + bytes(16) + GOOD, "invalid_json", "AWS Glue Schema Registry, then JSON"),
    "AWS Glue, compressed": (b"\x03\x05" + bytes(16) + b"\x78\x9c", "invalid_json", "then Avro or Protobuf"),
    "Schema Registry, space, JSON": (b"\x00\x00\x00\x00\x07 " + GOOD, "invalid_json", "then JSON"),
    "Schema Registry, Avro": (b"\x00\x00\x00\x00\x07\x02\x00\x00", "invalid_json", "then Avro or Protobuf"),
    "Avro container": (b"Obj\x01\x04\x14avro.codec", "invalid_json", "Avro container"),
    "Avro, one object": (b"\xc3\x01" + bytes(8) + b"\x02", "invalid_json", "Avro (single-object encoding)"),
    "Parquet": (b"PAR1\x15\x04", "invalid_json", "Parquet"),
    "Python's text": (str(FIELDS).encode(), "invalid_json", "single quotes"),
    "Python's text of a list": (str([FIELDS]).encode(), "invalid_json", "single quotes"),
    "Python's text of bytes": (str(GOOD).encode(), "invalid_json", "Python bytes literal"),
    "JavaScript's text": (b"[object Object]", "invalid_json", "JSON.stringify"),
    "names without quotes": (b"{payment_id: 1, amount: 2}", "invalid_json", "names of fields are not in double quotes"),
    "Java's text of a map": (b"{payment_id=1, amount=2.5}", "invalid_json", "(name=value)"),
    "Java's text of a record": (b"Payment[payment_id=1, amount=2.5]", "invalid_json", "(name=value)"),
    "Python's text of a dataclass": (b"Payment(payment_id=1, amount=2.5)", "invalid_json", "(name=value)"),
    "form": (b"payment_id=1&amount=2.5", "invalid_json", "URL-encoded form"),
    "CSV": (b"1,2.5,0.3,0,9,0", "invalid_json", "row of a delimited file"),
    "CSV, tabs": (b'"1"\t2.5', "invalid_json", "row of a delimited file"),
    "CSV, text first": (b"id-1;2,5", "invalid_json", "row of a delimited file"),
    "any text": (b"payment 1 received", "invalid_json", "text, but not JSON (expected value at line 1 column 1)"),
    "a part of a payment": (GOOD[:-9], "invalid_json", "the value ends too early"),
    "text at the end": (GOOD + b"x", "invalid_json", "trailing characters"),
    "Java object": (b"\xac\xed\x00\x05t\x00\x03abc", "invalid_json", "Java object"),
    "no-break space": (b"\xc2\xa0" + GOOD, "invalid_json", "begins with U+00A0 (NO-BREAK SPACE)"),
    "no-break space after a space": (b" \xc2\xa0" + GOOD, "invalid_json", "begins with U+00A0"),
    "no-break space at the end": (GOOD + b"\xc2\xa0\n", "invalid_json", "ends with U+00A0"),
    "zero-width space": ("\u200b".encode() + GOOD, "invalid_json", "begins with U+200B (ZERO WIDTH SPACE)"),
    "ideographic space": ("\u3000".encode() + GOOD, "invalid_json", "begins with U+3000 (IDEOGRAPHIC SPACE)"),
    "form feed": (b"\x0c" + GOOD, "invalid_json", "begins with U+000C (a control character)"),
    "NUL at the beginning": (b"\x00" + GOOD, "invalid_json", "begins with U+0000 (a control character)"),
    "NUL at the end": (GOOD + b"\x00", "invalid_json", "ends with U+0000 (a control character)"),
    "JSON in a string": (json.dumps(TEXT).encode(), "not_an_object", "serialized twice"),
    "JSON array in a string": (json.dumps(f" [{TEXT}]").encode(), "not_an_object", "serialized twice"),
    "base64": (base64.b64encode(GOOD), "invalid_json", "the value is base64"),
    "base64 in a string": (b'"%s"' % base64.b64encode(b'{"payment_id":1}'), "not_an_object", "contains base64"),
    "JSON array": (b"[" + GOOD + b"]", "not_an_object", "JSON array"),
    "no payment in an array": (b" []", "not_an_object", "JSON array"),
    "text": (b'"payment"', "not_an_object", "JSON, but a string, not an object"),
    "number": (b"17", "not_an_object", "JSON, but a number, not an object"),
    "huge number": (b"9" * 400, "not_an_object", "JSON, but a number, not an object"),
    "NaN": (b"NaN", "not_an_object", "JSON, but a number, not an object"),
    "true": (b"true", "not_an_object", "JSON, but true or false, not an object"),
    "null": (b"null", "not_an_object", "JSON, but null, not an object"),
    "no bytes": (b"", "empty", "0 bytes"),
    "white space": (b" \r\n", "empty", "only white space (3 bytes)"),
    "Connect": (json.dumps({"schema": {"type": "struct"}, "payload": FIELDS}).encode(), "missing_field", "Connect"),
    "Connect, no schema": (json.dumps({"schema": None, "payload": FIELDS}).encode(), "missing_field", "Connect"),
    "change event": (json.dumps({"op": "c", "after": FIELDS}).encode(), "missing_field", "ExtractNewRecordState"),
    "several in an object": (json.dumps({"data": [FIELDS]}).encode(), "missing_field", "an array in 'data'"),
    "CloudEvent": (json.dumps({"specversion": "1.0", "data": FIELDS}).encode(), "missing_field", "an object in 'data'"),
    "CloudEvent, text": (
        json.dumps({"specversion": "1.0", "data": TEXT}).encode(),
        "missing_field",
        "string in 'data'",
    ),
    "removal": (json.dumps({"before": FIELDS, "after": None}).encode(), "missing_field", "an object in 'before'"),
}
LARGEST = 1 << 20
SLOWEST_S = 2.0


@pytest.mark.parametrize(("value", "reason", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named(value: bytes, reason: str, expected: str) -> None:
    """The detail names the format; the reason is the previous one."""
    event = decode(value)
    assert isinstance(event, InvalidPayment)
    assert event.reason == reason
    assert expected in event.detail
    assert len(event.detail) <= 300


def test_different_mistakes_have_different_details() -> None:
    """A sender can recognise its own mistake."""
    names = (
        "UTF-8 byte order mark",
        "UTF-16 with a mark",
        "UTF-32 with a mark",
        "gzip",
        "zlib",
        "zstd",
        "no-break space",
        "Schema Registry, JSON",
        "Schema Registry, Avro",
        "Avro container",
        "MessagePack",
        "Protobuf",
        "two objects",
        "Python's text",
        "JSON in a string",
        "JSON array",
        "Connect",
        "change event",
        "no bytes",
        "white space",
    )
    details = [event.detail for name in names if isinstance(event := decode(MISTAKES[name][0]), InvalidPayment)]
    assert len(set(details)) == len(names)


@pytest.mark.parametrize(
    "value",
    [
        b'{"schema":1,"payload":2,' + GOOD[1:],
        b'{"data":{},' + GOOD[1:],
    ],
)
def test_a_payment_with_the_field_of_an_envelope_is_a_payment(value: bytes) -> None:
    """Only refused messages are examined."""
    assert decode(value) == FIELDS


def test_an_envelope_with_a_field_of_a_payment_is_judged_by_its_fields() -> None:
    """Then the names of the missing fields are more useful."""
    event = decode(b'{"schema":1,"payload":{},"amount":1}')
    assert isinstance(event, InvalidPayment)
    assert event.detail.startswith("payment_id: Field required")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["schema", "payload", "op", "after", "before", "data", "value", "N", "I"]) | st.text(max_size=9)
CARD = "4111111111111111"


@settings(max_examples=examples(300))
@given(st.dictionaries(NAMES, JSON, max_size=4), st.booleans(), st.sampled_from(["", " ", "\r\n\t"]))
def test_a_payment_is_never_examined(others: dict[str, object], is_ascii: bool, space: str) -> None:
    """A payment with any other fields is a payment: the detection of formats neither refuses nor delays it."""
    value = (space + json.dumps(others | FIELDS, ensure_ascii=is_ascii) + space).encode()
    with ExitStack() as stack:
        examined = [
            stack.enter_context(patch.object(wire_formats, name)) for name in ("of_bytes", "of_json", "of_object")
        ]
        assert decode(value) == FIELDS
        assert not any(one.called for one in examined)


@pytest.mark.parametrize("value", [value for value, _, _ in MISTAKES.values()], ids=MISTAKES)
@pytest.mark.parametrize("secret", [CARD, f'"{CARD}"', f"pan={CARD}&"])
def test_a_detail_quotes_nothing(value: bytes, secret: str) -> None:
    """No content reaches the detail, wherever it is in the message."""
    for changed in (value + secret.encode(), secret.encode() + value, value.replace(b"payment", secret.encode())):
        event = decode(changed)
        assert CARD not in getattr(event, "detail", "")


starts = st.sampled_from([value[:length] for value, _, _ in MISTAKES.values() for length in (1, 2, 4, 5, 9, 40)])


@settings(max_examples=examples(500))
@given(st.builds(bytes.__add__, starts | st.just(b""), st.binary(max_size=60)))
def test_any_bytes(value: bytes) -> None:
    """Any bytes are a payment, or a dead letter with a known reason; a detail is short, or None."""
    for recognise in (wire_formats.of_bytes, wire_formats.of_json, wire_formats.of_object):
        detail = recognise(value)
        assert detail is None or 0 < len(detail) <= 300
    event = decode(value)
    assert event["payment_id"] if isinstance(event, dict) else event.reason in REASONS


@pytest.mark.parametrize(
    "value",
    [
        b" " * LARGEST,
        b"\xc2\xa0" * (LARGEST // 2),
        b"\xff" * LARGEST,
        b"\x01" * LARGEST,
        GOOD + b"}" * LARGEST,
        GOOD + b"} " * (LARGEST // 2),
        b"[" * LARGEST,
        b"[]," * (LARGEST // 3),
        b'"' + b"[" * LARGEST + b'"',
        b'"' + rb"\u005b" * (LARGEST // 6) + b'"',
        b"[" + b"9" * LARGEST + b"]",
        b'{"a":' * (LARGEST // 5),
        b"{" + b",".join(b'"%d":{}' % number for number in range(LARGEST // 12)) + b"}",
        b'{"payload":' + b"[" * 100 + b"]" * 100 + b"}" + b" " * LARGEST,
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_large_value_takes_a_bounded_time(value: bytes) -> None:
    """1 MiB, Kafka's default limit, takes a fraction of a second."""
    began_s = time.process_time()
    decode(value)
    assert time.process_time() - began_s < SLOWEST_S
