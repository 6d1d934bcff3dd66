"""Malformed messages."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.any_schema import FORM

from fraudstream.payment import InvalidPayment
from fraudstream.record import KeyedMessage
from producer.identifiers import PaymentIds
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
