"""Payments of a history, repeated: valid, with new ids and the present time, and of bounded memory."""

import json
from pathlib import Path
from random import Random
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_schema import CARDS, DEFAULT, ROOT, rows_of, schemas

from fraudstream.errors import FraudstreamError
from fraudstream.payment import InvalidPayment, PaymentFormat
from fraudstream.payment_schema import parse
from producer.history import Sample, sample
from producer.identifiers import PaymentIds, ids_of
from producer.resampling import ResampledSource
from producer.source import is_simulated

HISTORY = ROOT / "examples/cards/history.csv"
NOW_MS = 1_790_000_000_123
LONG = "x" * 5_000_000


@given(st.data(), st.lists(st.integers(0, 7), max_size=5), st.integers(0, 2**32))
def test_every_message_of_any_schema_is_valid(data: st.DataObject, counts: list[int], seed: int) -> None:
    """The key is the id, and each id is another one; of n messages of n rows, each row is one."""
    schema = data.draw(schemas())
    rows = [tuple(row.values()) for row in data.draw(st.lists(rows_of(schema), min_size=1, max_size=5))]
    form = PaymentFormat(schema)
    source = ResampledSource(form, rows, ids_of(schema, PaymentIds(1.8e9, 3)), Random(seed))
    messages = [message for count in counts for message in source.take(count, NOW_MS)]
    assert len(messages) == sum(counts)
    events = [form.decode(message.value) for message in messages]
    payments = form.columns([event for event in events if not isinstance(event, InvalidPayment)])
    assert len(payments[schema.id]) == len(messages)
    assert [message.key for message in messages] == [str(one).encode() for one in payments[schema.id]]
    assert len({message.key for message in messages}) == len(messages)
    others = [name for name in schema.fields if name != schema.id]
    first = sorted(repr([payments[name][at] for name in others]) for at in range(min(len(rows), len(messages))))
    expected = sorted(
        repr([value for name, value in zip(schema.fields, row, strict=True) if name in others]) for row in rows
    )
    assert first == expected if len(messages) >= len(rows) else set(first) <= set(expected)


def test_the_example() -> None:
    """Ids are new UUIDs, the time is now, the key is the card; the label is not part of a message."""
    log = MagicMock()
    rows = sample(HISTORY, CARDS, Random(1), log, lambda: False)
    assert len(rows) == 4_200
    form = PaymentFormat(CARDS)

    def messages(seed: int) -> list[bytes | None]:
        source = ResampledSource(form, rows, ids_of(CARDS, PaymentIds(1.8e9, 3), rows), Random(seed))
        return [message.value for message in source.take(500, NOW_MS)]

    source = ResampledSource(form, rows, ids_of(CARDS, PaymentIds(1.8e9, 3), rows), Random(1))
    history = HISTORY.read_text(encoding="utf-8")
    for message in source.take(200, NOW_MS):
        payment = json.loads(message.value or b"")
        assert payment["transaction_id"] not in history
        assert len(payment["transaction_id"]) == 36
        assert payment["created_at"].startswith("2026-09-21T")
        assert message.key == payment["card"]["token"].encode()
        assert "is_fraud" not in payment
        assert not isinstance(form.decode(message.value), InvalidPayment)
    assert messages(1) == messages(1) != messages(2)


def test_a_key_that_is_missing() -> None:
    """The id is the key."""
    text = 'id = "id"\nkey = "k"\n[fields.id]\ntype = "integer"\n[fields.k]\ntype = "category"\nrequired = false\n'
    schema = parse(text, "payment.toml")
    ids = ids_of(schema, PaymentIds(1.8e9, 3))
    (message,) = ResampledSource(PaymentFormat(schema), [(1, None)], ids, Random(0)).take(1, NOW_MS)
    assert message.key == str(json.loads(message.value or b"")["id"]).encode()


@given(st.integers(1, 400), st.integers(0, 2**32))
def test_a_sample_is_bounded(rows: int, seed: int) -> None:
    """A file of long texts or many fields has fewer rows in it, at least one, each of the file."""
    kept = Sample(Random(seed), 2_000_000 // 30)
    for number in range(rows):
        kept.add((number, LONG if number % 3 == 0 else "x"))
        assert sum(len(row[1]) for row in kept.rows) <= 1 << 26
    assert 1 <= len(kept.rows) <= 30
    assert len({row[0] for row in kept.rows}) == len(kept.rows)


def test_a_sample_is_uniform() -> None:
    """Rows of the beginning, the middle and the end are as frequent."""
    counts = [0, 0, 0]
    for seed in range(300):
        kept = Sample(Random(seed), 2_000_000 // 10)
        for number in range(90):
            kept.add((number,))
        for (number,) in kept.rows:
            counts[number // 30] += 1
    assert counts == pytest.approx([1_000] * 3, rel=0.1)


def test_reading_ends_with_the_signal() -> None:
    """A history of millions of rows does not delay the end."""
    assert len(sample(HISTORY, CARDS, Random(1), MagicMock(), lambda: True)) < 4_200


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no such file|No such file"),
        ("amount\n1\n", "no column created_at"),
        (HISTORY.read_text(encoding="utf-8").splitlines()[0], "has no valid payment"),
    ],
)
def test_without_a_history(tmp_path: Path, content: str | None, problem: str) -> None:
    """The error names the setting, the problem and what to do."""
    path = tmp_path / "history.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(FraudstreamError, match=problem) as caught:
        sample(path, CARDS, Random(1), MagicMock(), lambda: False)
    assert str(caught.value).startswith(f"TRAINING_DATA: {path}")
    assert "set TRAINING_DATA to a history of its payments, or PAYMENTS_FILE" in str(caught.value)


def test_simulated_schemas() -> None:
    """Words, features and secrets are of no importance; types, ranges and roles are."""
    text = (ROOT / "data/payment.toml").read_text(encoding="utf-8")
    for edit, simulated in (
        (("", ""), True),
        (("feature = true\n", ""), True),
        (('words = "amount {}"', "index = true"), True),
        (("max = 23", "max = 22"), False),
        (("min = 1\n", "min = 1\nas = 'other'\n"), True),
        (
            (
                '[fields.is_new_device]\ntype = "integer"\nmin = 0\nmax = 1\n',
                '[fields.is_new_device]\ntype = "boolean"\n',
            ),
            False,
        ),
        (('amount = "amount"', 'amount = "amount"\nkey = "payment_id"'), False),
    ):
        assert edit[0] in text
        assert is_simulated(parse(text.replace(*edit, 1), "payment.toml")) == simulated
    assert is_simulated(DEFAULT)
    assert not is_simulated(CARDS)
