"""Open pages: each reads the dashboard's events, and writes a line for each, with its time."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TextIO

import aiohttp

from benchmarks.seen import Seen
from fraudstream.runtime.run import run


async def _look(session: aiohttp.ClientSession, url: str, viewer: int, lines: TextIO) -> None:
    """Read one page's events; ConnectionError if the dashboard ends them."""
    async with session.get(url) as response:
        rest = b""
        async for chunk in response.content.iter_any():
            *events, rest = (rest + chunk).split(b"\n\n")
            at_s = time.time()
            for event in events:
                lines.write(Seen.of(viewer, at_s, event).as_line() + "\n")
                lines.flush()
    raise ConnectionError(f"viewer {viewer} was disconnected")


async def _view(stop: asyncio.Event, lines: TextIO) -> None:
    _, url, viewers, _ = sys.argv
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session,
        asyncio.TaskGroup() as group,
    ):
        looking = [group.create_task(_look(session, url, viewer, lines)) for viewer in range(int(viewers))]
        await stop.wait()
        for one in looking:
            one.cancel()


if __name__ == "__main__":
    with Path(sys.argv[3]).open("w", encoding="utf-8") as file:
        sys.exit(run(lambda stop: _view(stop, file)))
