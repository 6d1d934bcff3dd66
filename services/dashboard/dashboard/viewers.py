"""The pages that are open: each gets a snapshot, then what is new once a second, made once for all of them."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import pydantic_core

from dashboard.board import Board

_TICK_AT_S = 0.7
"""After the full second: by then its payments have come."""
_MOST_WAITING = 10
MOST_VIEWERS = 200
MOST_OF_ONE = 100
"""By one client, which may be a proxy that all visitors come by."""


class Viewers:
    """A page that does not take its events is let go: it comes again, and gets a snapshot."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._clients: dict[asyncio.Queue[bytes | None], str] = {}
        self._let_go = set[asyncio.Queue[bytes | None]]()

    def __len__(self) -> int:
        """How many pages are open, those that are let go included until their connection is."""
        return len(self._clients)

    def is_full(self, client: str) -> bool:
        """Whether another page of that client is one too many."""
        return len(self) >= MOST_VIEWERS or sum(one == client for one in self._clients.values()) >= MOST_OF_ONE

    async def run(self) -> None:
        """Tell all what is new, once a second, until cancelled."""
        while True:
            await asyncio.sleep((_TICK_AT_S - time.time()) % 1.0 or 1.0)
            self.tell()

    async def events(self, client: str) -> AsyncGenerator[bytes, None]:
        """Yield the events of one page of that client, as they go over the wire; ends where it is let go."""
        with self._joined(client) as queue:
            yield _event("snapshot", self._board.snapshot(time.time()))
            while (event := await queue.get()) is not None:
                yield event

    def tell(self) -> None:
        """Tell all what is new since the last time."""
        event = self._board.tick(time.time())
        if not self._clients:
            return
        told = _event("tick", event)
        for queue in self._clients.keys() - self._let_go:
            try:
                queue.put_nowait(told)
            except asyncio.QueueFull:
                self._end(queue)

    def let_all_go(self) -> None:
        """End every page's events, as at a stop."""
        for queue in self._clients.keys() - self._let_go:
            self._end(queue)

    @contextmanager
    def _joined(self, client: str) -> Iterator[asyncio.Queue[bytes | None]]:
        self.tell()  # what is new until now: the newcomer's snapshot has it
        queue = asyncio.Queue[bytes | None](_MOST_WAITING)
        self._clients[queue] = client
        try:
            yield queue
        finally:
            del self._clients[queue]
            self._let_go.discard(queue)

    def _end(self, queue: asyncio.Queue[bytes | None]) -> None:
        self._let_go.add(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


def _event(name: str, data: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), pydantic_core.to_json(data, inf_nan_mode="null"))
