"""Simulated payments as messages."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.any_schema import FORM

from fraudstream.payment import InvalidPayment
from producer.identifiers import PaymentIds
from producer.source import SimulatedSource


@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(0, 4_000_000_000_000))
def test_every_message_is_a_valid_payment(seed: int, count: int, now_ms: int) -> None:
    """A message has its id as key, the hour of the clock in UTC, and the clock's time."""
    source = SimulatedSource(FORM, np.random.default_rng(seed), PaymentIds(now_ms / 1000, 3))
    messages = source.take(count, now_ms)
    assert len(messages) == count
    for message in messages:
        payment = FORM.decode(message.value)
        assert not isinstance(payment, InvalidPayment)
        assert message.key == str(payment["payment_id"]).encode("ascii")
        assert payment["transaction_hour"] == now_ms // 3_600_000 % 24
        assert message.timestamp_ms == now_ms


def test_the_same_seed_gives_the_same_payments() -> None:
    """Messages with the same seed and the same ids have the same bytes."""
    one, other = (SimulatedSource(FORM, np.random.default_rng(4), PaymentIds(1.8e9, 3)) for _ in range(2))
    assert one.take(50, 0) == other.take(50, 0)
