"""Outputs read in step with the input."""

import asyncio
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from cli.audit.cursor import Cursor


async def _chunks(chunks: list[list[tuple[int, str]]]) -> AsyncIterator[list[tuple[int, str]]]:
    for chunk in chunks:
        yield chunk


async def _read(chunks: list[list[tuple[int, str]]], stops: list[int]) -> list[list[tuple[int, str]]]:
    cursor = Cursor(_chunks(chunks))
    parts = []
    for stop in stops:
        head = await cursor.peek()
        part = await cursor.up_to(stop)
        assert bool(part) == (head is not None and head <= stop)
        parts.append(part)
    while part := await cursor.rest():
        parts.append(part)
    assert await cursor.peek() is None
    return parts


@given(st.lists(st.lists(st.integers(0, 50), max_size=5)), st.lists(st.integers(0, 50), max_size=5))
def test_takes_all_in_order_up_to_the_first_after_the_limit(chunks: list[list[int]], stops: list[int]) -> None:
    """Nothing is left out, whatever the chunks and however disordered."""
    entries = [[(offset, "x") for offset in chunk] for chunk in chunks]
    parts = asyncio.run(_read(entries, stops))
    assert [entry for part in parts for entry in part] == [entry for chunk in entries for entry in chunk]
    for part, stop in zip(parts, stops, strict=False):
        assert all(offset <= stop for offset, _ in part)
