"""Values of payment_id."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from fraudstream.payment_schema import default_schema, parse
from producer.identifiers import PaymentIds, ids_of

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


def ids(field: str, count: int, rows: Sequence[Sequence[object]] = (), number: int = 5) -> list[int | str]:
    """Return new ids of a schema whose id is declared so."""
    schema = parse(f'id = "key"\n[fields.x]\ntype = "boolean"\n[fields.key]\n{field}\n', "payment.toml")
    return [*ids_of(schema, PaymentIds(NOW_S, number), rows).take(count)]


def test_ids_of_the_default_schema() -> None:
    """They are PaymentIds."""
    numbers = PaymentIds(NOW_S, 5)
    assert ids_of(default_schema(), numbers) is numbers


@given(st.integers(1, 300), st.integers(0, 3))
def test_text_ids(count: int, number: int) -> None:
    """They are unique to the run, and short."""
    found = ids('type = "text"\nmax_length = 17', count, number=number)
    assert len(set(found)) == count
    assert all(isinstance(one, str) and one.startswith("p") and len(one) <= 17 for one in found)
    assert not {*found} & {*ids('type = "text"', count, number=number + 1)}


def test_uuids() -> None:
    """Where the ids of the history are UUIDs, so are the new ones."""
    rows = [(True, str(UUID(int=number))) for number in range(3)]
    found = ids('type = "text"', 200, rows)
    assert len({UUID(str(one)) for one in found}) == 200
    assert ids('type = "text"', 1, [*rows, (True, "7")])[0] == ids('type = "text"', 1)[0]


@given(st.integers(-(2**63 - 1), 2**63 - 1), st.integers(0, 2**62), st.sampled_from(["min = ", "above = "]))
def test_ids_are_within_the_range(low: int, width: int, lower: str) -> None:
    """A range that has no PaymentIds has other ids."""
    high = min(low + width, 2**63 - 1)
    lowest = low + (lower == "above = ")
    if lowest > high:
        return
    for one in ids(f'type = "integer"\n{lower}{low}\nmax = {high}', 5):
        assert isinstance(one, int)
        assert lowest <= one <= high


def test_text_ids_of_a_few_characters() -> None:
    """The last ones of the number differ from one to the next."""
    assert len(set(ids('type = "text"\nmax_length = 4', 1_000))) == 1_000
