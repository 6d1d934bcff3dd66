"""Recognition of payments to erase by text ids, in any bytes."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.erase.id_pattern import id_pattern
from cli.erase.wanted import parse_id
from fraudstream.errors import FraudstreamError
from fraudstream.payment_schema import DeclaredField, parse


def id_field(text: str) -> DeclaredField:
    """Return the only field of a schema with these lines."""
    return parse(f'id = "id"\n[fields.id]\n{text}', "payment.toml").fields["id"]


UUID = id_field('type = "text"\npath = "payment.uuid"')
LAX = id_field('type = "integer"\nstrict = false')
STRICT = id_field('type = "integer"')
NESTED = id_field('type = "integer"\npath = "card.id"')
WANTED = "3f0c-é/1"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ('{"payment":{"uuid":"3f0c-é/1"}}', True),
        ('{"payment":{"uuid" : "3f0c-é/1"', True),
        ('{"payment":{"uuid":"3f0c-é/1', True),
        ('{"payload":[{"payment":{"uuid":"3f0c-\\u00e9/1"}}]}', True),
        ('{"payment":{"uuid":"3f0c-\\u00E9\\/1"}}', True),
        ('{"payment":{"uuid":"\\u0033f0c-é/1"}}', True),
        ('{"payment":{"\\u0075uid":"3f0c-é/1"}}', True),
        ('{"payment":{"\\u0075\\u0075id":"3f0c-é\\/1"', True),
        ('"{\\"uuid\\":\\"3f0c-é/1\\"}"', True),
        ('"{\\"uuid\\":\\"3f0c-\\\\u00e9/1\\"}"', True),
        ('"{\\"uuid\\":\\n\\"3f0c-é/1\\"}"', True),
        ("{'uuid': '3f0c-é/1'}", True),
        ("uuid=3f0c-é/1&amount=1", True),
        ("uuid: 3f0c-é/1\namount: 1", True),
        ('{"payment":{"uuid":["3f0c-é/1"]}}', True),
        ('{"payment":{"uuid":"a","uuid":"3f0c-é/1"}}', True),
        ('{"uuid":"3f0c-é/1"', True),
        ('{"uuid":"3f0c-é/1"}', False),
        ('{"customer":{"uuid":"3f0c-é/1"},"payment":{"uuid":"a"}}', False),
        ('{"customer":{"uuid":"3f0c-é/1"},"payment":"a"}', False),
        ('[{"payment":{"uuid":"3f0c-é/1"}}]', True),
        ('{"uuid":"3f0c-é/12"}', False),
        ('{"uuid":"13f0c-é/1"}', False),
        ('{"uuid":"3f0c-é/1 "}', False),
        ('{"uuid":" 3f0c-é/1"}', False),
        ('"{\\"uuid\\":\\"3f0c-é/1\\\\\\"\\"}"', False),
        ('"{\\"a\\":\\"{\\\\\\"uuid\\\\\\":\\\\\\"3f0c-é/1\\\\\\"}\\"}"', True),
        ('{"uuid":"n3f0c-é/1"}', False),
        ('{"uuid":"3f0c-é/1\\"x"}', False),
        ('{"uuid":"3F0C-é/1"}', False),
        ('{"merchant_uuid":"3f0c-é/1"}', False),
        ('{"uuids":"3f0c-é/1"}', False),
        ('{"note":"3f0c-é/1"}', False),
        ("uuid=3f0c-é/12&amount=1", False),
        ("", False),
    ],
)
def test_a_text_id_in_any_text(value: str, named: bool) -> None:
    """An id is found in valid and invalid JSON, but never as a part of another id or of another field."""
    pattern = id_pattern(UUID, {WANTED, "other"})
    assert pattern.is_in(value.encode()) is named
    assert pattern.may_be_in(value.encode()) or not named


@given(
    st.sets(st.text(max_size=6), max_size=3),
    st.text(max_size=6),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": ")]),
)
def test_valid_messages(ids: set[str], other: str, is_ascii: bool, separators: tuple[str, str]) -> None:
    """An id is found however JSON writes it, also in a string of JSON, and never in the message of another payment."""
    pattern = id_pattern(UUID, ids)
    value = json.dumps({"payment": {"uuid": other, "x": 1}}, ensure_ascii=is_ascii, separators=separators)
    assert pattern.is_in(value.encode()) is (other in ids)
    assert pattern.may_be_in(value.encode()) or other not in ids
    nested = json.dumps({"payload": value}, ensure_ascii=is_ascii)
    if other in ids:
        assert pattern.is_in(nested.encode())


@given(st.text(min_size=1, max_size=6))
def test_ids_that_begin_with_another_one(one: str) -> None:
    """The longer one is found, and the shorter one is not found in it."""
    value = json.dumps({"payment": {"uuid": f"{one}x"}}).encode()
    assert id_pattern(UUID, {one, f"{one}x"}).is_in(value)
    assert not id_pattern(UUID, {one}).is_in(value)


@pytest.mark.parametrize("part", ["uuid", "\\", "\\n", " ", '"', ":", "uuid:", "7", "\\u0075", '\\"', "'", "["])
@pytest.mark.parametrize("start", ["", "uuid", "uuid:", 'uuid:"7'])
def test_long_texts_are_searched_in_one_pass(start: str, part: str) -> None:
    """Eight times the text takes about eight times as long, not 64 times, whatever it holds."""
    pattern = id_pattern(UUID, {"7é", "77", '7"7'})
    text = part * (1_000_000 // len(part))

    def seconds(value: str) -> float:
        began = time.process_time()
        pattern.is_in(value.encode())
        return time.process_time() - began

    for end in ("x", "\\u"):
        assert seconds(start + text + end) < 0.1 + 24 * seconds(start + text[: len(text) // 8] + end)


@pytest.mark.parametrize("written", ["7", '"7"', "7.0", '"-07"', "70e-1", '"\\u0037"'])
def test_forms_of_a_lax_number(written: str) -> None:
    """Each of them may be a valid payment with the id, so that it is decoded; a strict field has one form only."""
    assert id_pattern(LAX, {7}).may_be_in(b'{"id":%b}' % written.encode())
    assert not id_pattern(STRICT, {7}).may_be_in(b'{"id":77}')
    assert not id_pattern(STRICT, ()).may_be_in(b'{"id":7}')
    assert not id_pattern(LAX, ()).may_be_in(b'{"id":7}')


@pytest.mark.parametrize("written", ["7", "7.0", "7e0", '"007"', "[7]", '"70e-1"'])
def test_forms_of_a_number_in_an_object(written: str) -> None:
    """They are found at the id's path only."""
    pattern = id_pattern(NESTED, {7})
    assert pattern.is_in(b'{"card":{"id":%b}}' % written.encode())
    assert not pattern.is_in(b'{"customer":{"id":%b}}' % written.encode())


@pytest.mark.parametrize("value", [b'{"customer_id":7}', b'{"id":17}', b'{"ids":7}', b'{"id":-7}'])
def test_a_number_of_another_field(value: bytes) -> None:
    """A name that ends with that of the id is another one."""
    assert not id_pattern(STRICT, {7}).is_in(value)
    assert id_pattern(STRICT, {-7}).is_in(b'{"id":-7}')


def test_ids_of_the_command_line() -> None:
    """They have the type of the schema's id."""
    assert parse_id(UUID, "007") == "007"
    assert parse_id(STRICT, "007") == 7
    with pytest.raises(FraudstreamError, match="--payment-id x: the ids in id are whole numbers"):
        parse_id(STRICT, "x")
    with pytest.raises(FraudstreamError, match="not UTF-8"):
        parse_id(UUID, "\udcff")
