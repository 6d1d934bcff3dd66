"""Values of payment_id."""

from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from producer.identifiers import PaymentIds

NOW_S = datetime(2026, 7, 1, tzinfo=UTC).timestamp()
LAST_S = datetime(2059, 12, 31, tzinfo=UTC).timestamp()
numbers = st.integers(0, 2**62)


@given(st.floats(0, LAST_S), numbers, st.lists(st.sampled_from([0, 1, 7, 65_535, 65_536, 70_000]), max_size=4))
def test_ascending_and_exact_in_a_spreadsheet(started_s: float, number: int, counts: list[int]) -> None:
    """Each call returns as many ids as requested, all above the previous ones and below 2^53."""
    ids = PaymentIds(started_s, number)
    given_ids: list[int] = []
    for count in counts:
        taken = ids.take(count)
        assert len(taken) == count
        given_ids += taken
    assert all(earlier < later for earlier, later in pairwise(given_ids))
    assert all(0 < payment_id < 2**53 for payment_id in given_ids)


@given(numbers, st.integers(1, 127), st.integers(-5, 5))
def test_producers_started_together_share_none(number: int, further: int, seconds: int) -> None:
    """Of 128 producers with consecutive numbers, none has an id of another, whatever their start times."""
    one, other = PaymentIds(NOW_S, number), PaymentIds(NOW_S + seconds, number + further)
    assert set(one.take(70_000)).isdisjoint(other.take(70_000))


@given(numbers, numbers, st.integers(1, 10**8))
def test_a_later_start_shares_none(number: int, later_number: int, later_s: int) -> None:
    """Below 65,536 payments a second between the starts, even the same number gives other ids."""
    one, later = PaymentIds(NOW_S, number), PaymentIds(NOW_S + later_s, later_number)
    assert set(one.take(65_536)).isdisjoint(later.take(1_000))


def test_a_wrong_clock_still_gives_valid_ids() -> None:
    """Clocks before 2026 and after 2060 give valid ids."""
    for started_s in (0.0, 5e9):
        (payment_id,) = PaymentIds(started_s, 0).take(1)
        assert 0 < payment_id < 2**53
