"""Texts of reasons for any schema: words, missing and rare values, secrets, JSON."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_schema import CARDS

from fraudstream.model.encoding import Encoding
from fraudstream.model.reason_texts import MOST, ReasonTexts
from fraudstream.payment_schema import PaymentSchema, parse
from fraudstream.scored_payment import ScoredFormat


def schema(field: str) -> PaymentSchema:
    """Return a schema with the feature `some_field`, declared by these keys."""
    return parse(
        f'id = "id"\namount = "sum"\n[fields.id]\ntype = "integer"\n[fields.sum]\ntype = "number"\n'
        f"[fields.some_field]\nfeature = true\n{field}",
        "payment.toml",
    )


def text(declared: PaymentSchema, value: object, levels: tuple[str, ...] = ()) -> str:
    """Return the text of the reason for a value; a category has these levels."""
    encoding = Encoding.of(declared, {"some_field": levels * 20})
    matrix = encoding.matrix({"some_field": [value]})  # type: ignore[list-item]
    (found,) = ReasonTexts(declared, encoding).format(matrix, np.ones((1, 1)))
    (reason,) = json.loads(found)
    assert (reason["field"], reason["contribution"]) == ("some_field", 1.0)
    assert found.isascii()
    return str(reason["text"])


@pytest.mark.parametrize(
    ("keys", "value", "expected"),
    [
        ('type = "number"', 1234.5678, "some field 1234.57"),
        ('type = "number"', 1e300, "some field 1e+300"),
        ('type = "number"\nmin = 0\nmax = 1', 0.126, "some field 0.13"),
        ('type = "number"\nabove = 0\nbelow = 1', 0.5, "some field 0.50"),
        ('type = "integer"', 123456789, "some field 123456789"),
        ('type = "integer"', -1, "some field -1"),
        ('type = "integer"\nwords = "{} payment(s) today"', 1, "1 payment today"),
        ('type = "integer"\nwords = "{} payment(s) today"', 0, "0 payments today"),
        ('type = "integer"\nwords = "{} payment(s) today"', 250, "250 payments today"),
        ('type = "integer"\nwords = "{}(s)"\nwords_if_zero = "none(s)"', 0, "none(s)"),
        ('type = "boolean"', True, "some field yes"),
        ('type = "boolean"', False, "some field no"),
        ('type = "boolean"\nwords = "virtual"\nwords_if_zero = "real"', False, "real"),
        ('type = "boolean"\nwords = "virtual"\nwords_if_zero = "real"', True, "virtual"),
        ('type = "category"\nwords = "paid in {}"', "DE", "paid in DE"),
        ('type = "category"', 'a"b\\\u2028\x00é', 'some field a"b\\\u2028\x00é'),
        ('type = "category"', "unseen", "some field is rare"),
        ('type = "category"\nrequired = false', None, "some field is missing"),
        ('type = "number"\nrequired = false', None, "some field is missing"),
        ('type = "number"\nrequired = false\nwords_if_zero = "none"', None, "some field is missing"),
        ('type = "time"\ntimezone = "Europe/Berlin"', 1_790_000_000_000, "some field between 16:00 and 17:00"),
        ('type = "category"\nsecret = true', "DE", "some field"),
        ('type = "category"\nsecret = true\nrequired = false', None, "some field is missing"),
        ("type = 'number'\nwords = '\"a\\b\" {}'", 2.0, '"a\\b" 2'),
    ],
)
def test_texts(keys: str, value: object, expected: str) -> None:
    """Each type has a text in the schema's words; a secret category has its name only."""
    levels = ("DE", 'a"b\\\u2028\x00é') if 'type = "category"' in keys else ()
    assert text(schema(keys), value, levels) == expected


def test_the_amount_has_two_decimals() -> None:
    """An integer amount has thousands separators only."""
    for kind, value, expected in (("number", 1234.5, "amount 1,234.50"), ("integer", 1234, "amount 1,234")):
        declared = parse(
            f'id = "id"\namount = "amount"\n[fields.id]\ntype = "integer"\n'
            f'[fields.amount]\ntype = "{kind}"\nfeature = true',
            "payment.toml",
        )
        encoding = Encoding.without_levels(declared)
        (found,) = ReasonTexts(declared, encoding).format(np.array([[float(value)]]), np.ones((1, 1)))
        assert json.loads(found)[0]["text"] == expected


WORDS = st.text(st.characters(exclude_characters="{}", codec="utf-8"), max_size=40)


@given(words=WORDS, value=st.text(max_size=64))
def test_any_words_and_any_category_are_json(words: str, value: str) -> None:
    """The text is the words and the value, whatever characters they have."""
    declared = schema(
        f'type = "category"\nwords = {json.dumps(words + "{}", ensure_ascii=False)}'.replace("\x7f", "\\u007f")
    )
    assert text(declared, value, (value,)) == words.replace("(s)", "s") + value


@given(st.data())
def test_any_matrix_of_cards_has_reasons(data: st.DataObject) -> None:
    """Reasons are ordered by share, and each is a feature of the schema."""
    encoding = Encoding.without_levels(CARDS)
    shape = (3, len(encoding.fields))
    columns = [st.integers(0, one.codes - 1) if one.kind == "category" else st.floats() for one in encoding.fields]
    matrix = np.array(data.draw(st.lists(st.tuples(*columns), min_size=3, max_size=3)), dtype=np.float64)
    matrix[np.isinf(matrix)] = 0.0
    shares = np.array(data.draw(st.lists(st.floats(-9, 9), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])))
    for found, own in zip(
        ReasonTexts(CARDS, encoding).format(matrix, shares.reshape(shape)), shares.reshape(shape), strict=True
    ):
        reasons: list[dict[str, Any]] = json.loads(found)
        values = [own[encoding.names.index(one["field"])] for one in reasons]
        assert values == sorted(values, reverse=True)
        assert len(reasons) == min(MOST, (own >= 0.0005).sum())


def test_a_reader_accepts_as_many_reasons() -> None:
    """A payment of many features has no more reasons than the reader of its record accepts."""
    encoding = Encoding.without_levels(CARDS)
    shape = (1, len(encoding.fields))
    assert shape[1] > MOST
    (found,) = ReasonTexts(CARDS, encoding).format(np.ones(shape), np.ones(shape))
    assert len(json.loads(found)) == MOST
    own = ',"fraud_probability":0.5,"decision":"review","model_version":"v","source_partition":0,"source_offset":0'
    record = f'{{"transaction_id":"t"{own},"scored_at":"2026-01-01T00:00:00.000Z","reasons":{found}}}'
    assert ScoredFormat(CARDS).read(record.encode())
