"""Malformed messages."""

import json
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_schema import CARDS, FORM, schemas, values_of

from fraudstream.payment import REASONS, SKIPPED, UNREADABLE_RECORD, InvalidPayment, PaymentFormat
from fraudstream.payment_schema import parse
from fraudstream.record import KeyedMessage
from producer.broken import broken_by, example
from producer.identifiers import PaymentIds, ids_of
from producer.malformed import BROKEN, WithMalformed, malformed_by, malformed_simulated
from producer.source import SimulatedSource

NOW_MS = 1_790_000_000_000
PAYMENT = {
    "payment_id": 7,
    "amount": 12.5,
    "country_risk_score": 0.25,
    "failed_logins": 1,
    "transaction_hour": 3,
    "is_new_device": 0,
}


class Finite:
    """A source that ends."""

    def __init__(self, count: int) -> None:
        self.left = count

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """Return up to `count` of the remaining messages."""
        some = min(count, self.left)
        self.left -= some
        return [KeyedMessage(b"good", b"good", now_ms)] * some


def _source(rate: float, seed: int = 0) -> WithMalformed:
    ids = PaymentIds(1.8e9, 5)
    random = Random(seed)
    simulated = SimulatedSource(FORM, np.random.default_rng(seed), ids)
    return WithMalformed(simulated, rate, ids, random, malformed_simulated(random))


@pytest.mark.parametrize("kind", BROKEN)
def test_each_kind_is_invalid(kind: str) -> None:
    """No malformed message could be scored."""
    assert isinstance(FORM.decode(BROKEN[kind](dict(PAYMENT))), InvalidPayment)


@given(st.data())
def test_each_kind_of_any_schema_is_invalid(data: st.DataObject) -> None:
    """The payment that is broken is valid."""
    schema = data.draw(schemas())
    form = PaymentFormat(schema)
    payment = example(schema, data.draw(values_of(schema.fields[schema.id])))
    assert not isinstance(form.decode(json.dumps(payment).encode()), InvalidPayment)
    for kind, make in broken_by(schema).items():
        assert isinstance(form.decode(make(payment)), InvalidPayment), kind


@pytest.mark.parametrize("strict", ["true", "false"])
@pytest.mark.parametrize(
    "limits", ["min = -5\nmax = -3", "above = -1\nbelow = 1", "min = 9007199254740993", "below = -9e15", "max = 7"]
)
@pytest.mark.parametrize("kind", ["integer", "number"])
def test_each_kind_of_a_range_is_invalid(kind: str, limits: str, strict: str) -> None:
    """One is below the range, and one above; there are as many kinds as there are ends."""
    text = f'id = "id"\n[fields.id]\ntype = "text"\n[fields.x]\ntype = "{kind}"\nstrict = {strict}\n{limits}\n'
    schema = parse(text, "payment.toml")
    form, payment = PaymentFormat(schema), example(schema, "a")
    assert not isinstance(form.decode(json.dumps(payment).encode()), InvalidPayment)
    kinds = broken_by(schema)
    for name, make in kinds.items():
        assert isinstance(form.decode(make(payment)), InvalidPayment), name
    assert len({"x: too low", "x: too high"} & kinds.keys()) == len(limits.splitlines())


def test_malformed_messages_of_the_example() -> None:
    """They have ids of their own, and reasons of all kinds."""
    ids = ids_of(CARDS, PaymentIds(1.8e9, 5))
    messages = WithMalformed(Finite(0), 1.0, ids, Random(3), malformed_by(CARDS)).take(400, NOW_MS)
    results = PaymentFormat(CARDS).decode_all([message.value for message in messages])
    assert len({message.key for message in messages}) == 400
    assert {result.reason for result in results if isinstance(result, InvalidPayment)} == {*REASONS} - {
        UNREADABLE_RECORD,
        SKIPPED,
    }
    assert not [result for result in results if not isinstance(result, InvalidPayment)]


def test_there_is_variety() -> None:
    """The kinds differ in reasons and bytes."""
    results = {kind: FORM.decode(make(dict(PAYMENT))) for kind, make in BROKEN.items()}
    assert len({result.reason for result in results.values() if isinstance(result, InvalidPayment)}) >= 6
    assert len({make(dict(PAYMENT)) for make in BROKEN.values()}) == len(BROKEN)


def test_rate_and_seed() -> None:
    """About the requested share is malformed; the same seed gives the same messages."""
    messages = _source(0.1).take(5_000, NOW_MS)
    share = sum(isinstance(FORM.decode(message.value), InvalidPayment) for message in messages) / len(messages)
    assert share == pytest.approx(0.1, abs=0.02)
    assert messages == _source(0.1).take(5_000, NOW_MS)
    assert len({message.key for message in messages}) == 5_000


@given(st.floats(0, 0.95), st.integers(0, 200), st.integers(0, 2**32))
def test_every_good_message_is_still_sent(rate: float, count: int, seed: int) -> None:
    """Malformed messages are added to those of the source, which ends as before."""
    random = Random(seed)
    source = WithMalformed(Finite(count), rate, PaymentIds(1.8e9, 5), random, malformed_simulated(random))
    messages: list[KeyedMessage] = []
    while some := source.take(7, NOW_MS):
        messages += some
    assert sum(message.key == b"good" for message in messages) == count
