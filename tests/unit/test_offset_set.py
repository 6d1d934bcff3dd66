"""Offsets stored as bits."""

from hypothesis import given
from hypothesis import strategies as st

from cli.audit.offset_set import OffsetSet


@given(st.lists(st.integers(0, 2**40) | st.integers(0, 30_000)))
def test_is_a_set(offsets: list[int]) -> None:
    """It equals Python's own set, in ascending order."""
    there = OffsetSet()
    for offset in offsets:
        there.add(offset)
    assert list(there) == sorted(set(offsets))
    assert len(there) == len(set(offsets))
    assert all(offset in there for offset in offsets)
    assert all((offset + 1 in there) == (offset + 1 in offsets) for offset in offsets)
