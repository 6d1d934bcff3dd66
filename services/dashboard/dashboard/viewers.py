"""Open pages: each gets a snapshot, then one event per second, serialized once for all pages."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import pydantic_core

from dashboard.board import Board

_TICK_AT_S = 0.7
"""Offset after the full second, by which its payments have arrived."""
_MOST_WAITING = 10
MOST_VIEWERS = 200
MOST_OF_ONE = 100
"""Limit per client, which may be a proxy in front of all visitors."""


class Viewers:
    """Open pages; a page that does not read its events is disconnected, reconnects and gets a snapshot."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._clients: dict[asyncio.Queue[bytes | None], str] = {}
        self._closing = set[asyncio.Queue[bytes | None]]()

    def __len__(self) -> int:
        """Return the number of open pages, including closing ones until their connection ends."""
        return len(self._clients)

    def refusal(self, client: str) -> bytes | None:
        """Return an event with the limit that is reached, for that client or for all; None below the limits."""
        if len(self) >= MOST_VIEWERS:
            reason = f"{MOST_VIEWERS} pages are open, the most for all visitors: close one."
        elif sum(one == client for one in self._clients.values()) >= MOST_OF_ONE:
            reason = f"{MOST_OF_ONE} pages are open at your address, the most for one: close one."
        else:
            return None
        return _event("refused", {"reason": reason})

    async def run(self) -> None:
        """Send the changes to all pages once a second, until cancelled."""
        while True:
            await asyncio.sleep((_TICK_AT_S - time.time()) % 1.0 or 1.0)
            self.send_tick()

    async def events(self, client: str) -> AsyncGenerator[bytes, None]:
        """Yield the serialized events of one page of that client, until it is disconnected."""
        with self._joined(client) as queue:
            yield _event("snapshot", self._board.snapshot(time.time()))
            while (event := await queue.get()) is not None:
                yield event

    def send_tick(self) -> None:
        """Send the changes since the last tick to all pages."""
        event = self._board.tick(time.time())
        if not self._clients:
            return
        tick = _event("tick", event)
        for queue in self._clients.keys() - self._closing:
            try:
                queue.put_nowait(tick)
            except asyncio.QueueFull:
                self._end(queue)

    def close_all(self) -> None:
        """End the events of all pages, at shutdown."""
        for queue in self._clients.keys() - self._closing:
            self._end(queue)

    @contextmanager
    def _joined(self, client: str) -> Iterator[asyncio.Queue[bytes | None]]:
        self.send_tick()  # send pending changes first: the new page's snapshot contains them
        queue = asyncio.Queue[bytes | None](_MOST_WAITING)
        self._clients[queue] = client
        try:
            yield queue
        finally:
            del self._clients[queue]
            self._closing.discard(queue)

    def _end(self, queue: asyncio.Queue[bytes | None]) -> None:
        self._closing.add(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


def _event(name: str, data: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), pydantic_core.to_json(data, inf_nan_mode="null"))
