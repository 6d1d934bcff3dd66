"""Number of payments due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.pacing import Pace

rates = st.floats(0.01, 200_000)


def _run(pace: Pace, start_s: float, for_s: float, lateness: float = 0.0) -> list[tuple[float, int]]:
    """Return the rounds of a loop that sleeps as requested, always `lateness` seconds too long."""
    made, now_s = [], start_s
    while now_s < start_s + for_s:
        count = pace.due(now_s)
        pace.made(count)
        made.append((now_s, count))
        now_s += pace.wait_s(now_s) + lateness + 1e-6
    return made


def _total(made: list[tuple[float, int]]) -> int:
    return sum(count for _, count in made)


def test_the_first_is_due_immediately_and_then_one_per_interval() -> None:
    """Payments are three seconds apart, however often the pace is polled."""
    pace = Pace(1 / 3, 100.0)
    counts = []
    for tick in range(90):
        counts.append(pace.due(100.0 + tick / 10))
        pace.made(counts[-1])
    assert [tick / 10 for tick, count in enumerate(counts) if count] == [0.0, 3.0, 6.0]


@pytest.mark.parametrize("rate_per_s", [10, 333.3, 1_000, 50_000, 100_000])
@pytest.mark.parametrize("lateness_s", [0.0, 0.004, 0.009])
def test_the_long_run_rate_is_exact(rate_per_s: float, lateness_s: float) -> None:
    """A loop that is always a little late catches up."""
    made = _total(_run(Pace(rate_per_s, 0.0), 0.0, 60.0, lateness_s))
    assert made == pytest.approx(rate_per_s * 60, abs=rate_per_s * 0.03 + 1)


@given(rates, st.floats(0, 1e6))
def test_never_more_than_20_ms_in_one_round_and_never_ahead(rate_per_s: float, start_s: float) -> None:
    """The number due is limited, and never more than the clock allows."""
    pace, total = Pace(rate_per_s, start_s), 0
    for tick in range(50):
        now_s = start_s + tick * 0.013
        count = pace.due(now_s)
        pace.made(count)
        total += count
        assert 0 <= count <= max(2, rate_per_s * 0.02)
        assert total <= (now_s - start_s) * rate_per_s + 1.001


@given(rates, st.floats(1.5, 1e5))
def test_payments_missed_in_a_stall_are_not_sent(rate_per_s: float, stall_s: float) -> None:
    """After a stall the pace continues from the current time."""
    pace = Pace(rate_per_s, 0.0)
    pace.made(pace.due(0.0))
    back_s = 1 / rate_per_s + stall_s
    made = _total(_run(pace, back_s, 0.05))
    assert 1 <= made <= 0.06 * rate_per_s + 2


@given(rates, st.floats(0, 1e6))
def test_after_the_wait_something_is_due(rate_per_s: float, start_s: float) -> None:
    """A loop that sleeps as requested always wakes to a payment."""
    pace = Pace(rate_per_s, start_s)
    pace.made(pace.due(start_s))
    assert pace.due(start_s + pace.wait_s(start_s) + 1e-6) >= 1
