"""Formats that senders use by mistake: each has its own detail, and none is a payment."""

import base64
import bz2
import gzip
import json
import lzma
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz import examples
from tests.scores import FORMAT, payment

from fraudstream import wire_formats
from fraudstream.payment import InvalidPayment

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
    "deflate, raw": (zlib.compress(GOOD)[2:-4], "invalid_json", "not UTF-8"),
    "Latin-1": (b'{"name":"caf\xe9",' + GOOD[1:], "invalid_json", "byte 13 of the value is not UTF-8"),
    "MessagePack": (
        b"\x86\xaapayment_id\x01\xa6amount\xcb@'\x00\x00",
        "invalid_json",
        "byte 1 of the value is not UTF-8",
    ),
    "BSON": (b"\x84\x00\x00\x00\x10payment_id\x00\x01\x00", "invalid_json", "byte 1 of the value is not UTF-8"),
    "Protobuf": (b"\x08\x01\x11\x00\x00\x00\x00\x00\x00\x27\x40", "invalid_json", "byte 1 of the value is a control"),
    "control character in a string": (b'{"a":"\x01"}', "invalid_json", "found while parsing a string"),
    "XML": (b'<?xml version="1.0"?><payment/>', "invalid_json", "XML"),
    "syslog": (b"<14>1 payment", "invalid_json", "expected value"),
    "two objects": (GOOD + b"\n" + GOOD, "invalid_json", "more than one JSON object"),
    "one object, then text": (GOOD + b" // }", "invalid_json", "trailing characters"),
    "NaN in another field": (GOOD[:-1] + b',"a":NaN}', "invalid_json", "NaN or Infinity"),
    "Schema Registry, JSON": (b"\x00\x00\x00\x00\x07" + GOOD, "invalid_json", "Schema Registry prefix"),
    "Schema Registry, space, JSON": (b"\x00\x00\x00\x00\x07 " + GOOD, "invalid_json", "then JSON"),
    "Schema Registry, Avro": (b"\x00\x00\x00\x00\x07\x02\x00\x00", "invalid_json", "then Avro or Protobuf"),
    "Avro container": (b"Obj\x01\x04\x14avro.codec", "invalid_json", "Avro container"),
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
    "text": (b'"payment"', "not_an_object", "JSON, but not an object"),
    "Connect": (json.dumps({"schema": {"type": "struct"}, "payload": FIELDS}).encode(), "missing_field", "Connect"),
    "Connect, no schema": (json.dumps({"schema": None, "payload": FIELDS}).encode(), "missing_field", "Connect"),
    "change event": (json.dumps({"op": "c", "after": FIELDS}).encode(), "missing_field", "an object in 'after'"),
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
        "JSON in a string",
        "Connect",
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


starts = st.sampled_from([value[:length] for value, _, _ in MISTAKES.values() for length in (1, 2, 4, 5, 9, 40)])


@settings(max_examples=examples(500))
@given(st.builds(bytes.__add__, starts | st.just(b""), st.binary(max_size=60)))
def test_any_bytes(value: bytes) -> None:
    """Nothing raises; a detail is short, or None."""
    for recognise in (wire_formats.of_bytes, wire_formats.of_json, wire_formats.of_object):
        detail = recognise(value)
        assert detail is None or 0 < len(detail) <= 300
    decode(value)


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
    began_s = time.monotonic()
    decode(value)
    assert time.monotonic() - began_s < SLOWEST_S
