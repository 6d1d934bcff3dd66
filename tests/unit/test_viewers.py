"""Pages get a snapshot, then later events; a page that does not read its events is disconnected."""

import asyncio
import json
from collections.abc import AsyncGenerator

from tests.unit.test_board import NOW, Record, scored

from dashboard.board import Board
from dashboard.replicas import Replicas
from dashboard.viewers import MOST_OF_ONE, Viewers
from fraudstream.payment_schema import default_schema
from fraudstream.scored_payment import ScoredFormat


def board() -> Board:
    """Provide a board with one flagged payment."""
    made = Board("kafka:9092", ScoredFormat(default_schema()), Replicas(), NOW)
    made.add_scored(0, [Record(value=scored(1, "review"))], NOW)
    return made


async def ids(events: AsyncGenerator[bytes, None]) -> tuple[str, list[str]]:
    """Return the next event's name, and the ids of its flagged payments."""
    name, data = (await asyncio.wait_for(anext(events), 60)).decode().split("\n", 1)
    event = json.loads(data.removeprefix("data: "))
    return name.removeprefix("event: "), [payment["id"] for payment in event["flagged"]]


def test_each_page_gets_each_payment_once() -> None:
    """A payment is in a page's snapshot or in a tick, never in both, whenever it arrives."""

    async def two_pages() -> None:
        one = board()
        viewers = Viewers(one)
        first = viewers.events("127.0.0.1")
        assert await ids(first) == ("snapshot", ["1"])
        one.add_scored(0, [Record(1, value=scored(2, "block"))], NOW)
        second = viewers.events("127.0.0.1")
        assert await ids(second) == ("snapshot", ["2", "1"])
        assert await ids(first) == ("tick", ["2"])
        one.add_scored(0, [Record(2, value=scored(3, "block"))], NOW)
        running = asyncio.ensure_future(viewers.run())
        assert await ids(first) == ("tick", ["3"])
        assert await ids(second) == ("tick", ["3"])
        assert len(viewers) == 2
        await first.aclose()
        assert len(viewers) == 1
        running.cancel()
        await second.aclose()

    asyncio.run(two_pages())


def test_a_page_that_does_not_read_is_disconnected() -> None:
    """Its memory is freed, and its stream ends, so that it reconnects. It counts until its connection is closed."""

    async def one_page() -> None:
        viewers = Viewers(board())
        deaf = viewers.events("127.0.0.1")
        await anext(deaf)
        for _ in range(30):
            viewers.send_tick()
        assert len(viewers) == 1
        assert [event async for event in deaf] == []
        assert len(viewers) == 0

    asyncio.run(one_page())


def test_a_refused_page_gets_the_reason() -> None:
    """At the limit of one client, it gets the reason, until one of its pages is closed; another client is admitted."""

    async def pages() -> None:
        viewers = Viewers(board())
        opened = [viewers.events("127.0.0.1") for _ in range(MOST_OF_ONE)]
        assert viewers.refusal("127.0.0.1") is None
        for page in opened:
            await anext(page)
        refused = viewers.refusal("127.0.0.1")
        assert refused is not None
        assert refused.startswith(b"event: refused\ndata: ")
        assert json.loads(refused.partition(b"data: ")[2])["reason"].startswith(f"{MOST_OF_ONE} pages are open at your")
        assert viewers.refusal("127.0.0.2") is None
        for page in opened:
            await page.aclose()
        assert viewers.refusal("127.0.0.1") is None

    asyncio.run(pages())


def test_at_a_stop_all_streams_end() -> None:
    """The server can stop without delay."""

    async def one_page() -> None:
        viewers = Viewers(board())
        page = viewers.events("127.0.0.1")
        await anext(page)
        viewers.close_all()
        assert [event async for event in page] == []

    asyncio.run(one_page())
