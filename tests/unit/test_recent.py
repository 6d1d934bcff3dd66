"""Lookup of recent payments by id, in a ring buffer."""

from hypothesis import given
from hypothesis import strategies as st

from dashboard.recent import Place, Recent


@given(
    st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(1, 5), max_size=30)), max_size=12),
    st.integers(1, 20),
)
def test_the_last_payments_are_found_newest_first(batches: list[tuple[int, list[int]]], capacity: int) -> None:
    """The ring equals a plain list, for batches of any size: also larger ones than the ring."""
    recent, known, offset = Recent(capacity), list[tuple[int, Place]](), 0
    for partition, ids in batches:
        offsets = list(range(offset, offset + len(ids)))
        offset += len(ids)
        recent.add(partition, ids, offsets)
        known += [(one, Place(partition, place)) for one, place in zip(ids, offsets, strict=True)]
    known = known[-capacity:]
    assert len(recent) == len(known)
    for payment_id in range(7):
        wanted = [place for one, place in reversed(known) if one == payment_id]
        assert recent.find(payment_id, 100) == wanted
        assert recent.find(payment_id, 2) == wanted[:2]
