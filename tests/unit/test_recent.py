"""Lookup of recent payments by id, in a ring buffer."""

from hypothesis import given
from hypothesis import strategies as st

from dashboard.recent import Place, Recent

TEXTS = ["", "a", "A", "\x00", "0", "x" * 4_096, "\U0001f4b3", "b"]
NUMBERS = [0, 1, -1, 2**63 - 1, -(2**63) + 1, 2**61 - 1, 7]
Batches = list[tuple[int, list[int | str]]]


def batches(ids: list[str] | list[int]) -> st.SearchStrategy[Batches]:
    """Return batches of ids of one partition each."""
    return st.lists(st.tuples(st.integers(0, 3), st.lists(st.sampled_from(ids[:-1]), max_size=30)), max_size=12)


@given(batches(TEXTS) | batches(NUMBERS), st.integers(1, 20))
def test_the_last_payments_are_found_newest_first(added: Batches, capacity: int) -> None:
    """The ring equals a plain list, for batches of any size: also larger ones than the ring."""
    recent, known, offset = Recent(capacity), list[tuple[int | str, Place]](), 0
    for partition, ids in added:
        offsets = list(range(offset, offset + len(ids)))
        offset += len(ids)
        recent.add(partition, ids, offsets)
        known += [(one, Place(partition, place)) for one, place in zip(ids, offsets, strict=True)]
    known = known[-capacity:]
    assert len(recent) == len(known)
    of_texts = any(isinstance(one, str) for one, _ in known)
    for payment_id in TEXTS if of_texts else NUMBERS:
        wanted = [place for one, place in reversed(known) if one == payment_id]
        assert recent.find(payment_id, 100) == wanted
        assert recent.find(payment_id, 2) == wanted[:2]
