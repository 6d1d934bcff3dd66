"""Random bytes for the HTTP parser: no exception leaves a connection, and at most one debug line is logged.

FUZZ_CASES=100000 tries 100,000 connections, in half a minute.
"""

import asyncio
import logging
import random
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from fraudstream.runtime.http_guard import Guard
from fraudstream.runtime.http_server import Limits, _Connection, _OpenConnections, _with_guard
from tests.fuzz import cases

CASES = cases(20_000)
GUARD = Guard(names=frozenset(), variable="X", linked=re.compile("/"))
AT_ONCE = 500
MOST_MB = 50
GOOD = (
    b"GET /fraud/events?a=b HTTP/1.1\r\nHost: localhost:8080\r\nAccept: */*\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nExpect: 100-continue\r\n\r\n",
    b"HEAD http://localhost/%ff HTTP/1.0\r\nOrigin: null\r\nCookie: a=b\r\n\r\n",
)
PIECES = (
    b"\r\n",
    b"\n",
    b"\x00",
    b"\xff",
    b":",
    b" ",
    b"9" * 30,
    b"%",
    b"[",
    b"//",
    b"chunked",
    b"\r\n\r\n",
    b"a" * 5_000,
)


class Wire(asyncio.Transport):
    """A transport and its socket, which accept all writes and keep the beginning of an answer."""

    family = -1

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "socket": self})
        self.is_open = True
        self.answered = b""

    def _ignore(self, *_: Any, **__: Any) -> None:
        """Accept the call: all writes are accepted, and the parser gets all bytes."""

    setsockopt = set_write_buffer_limits = pause_reading = resume_reading = _ignore

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep the first bytes."""
        self.answered = (self.answered + bytes(data))[:100]

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return not self.is_open

    def close(self) -> None:
        """Close."""
        self.is_open = False

    abort = close


def resident_mb(pid: int | str = "self") -> float:
    """Return the memory of a process; 0 without /proc."""
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+)", status.read_text(encoding="ascii")) if status.exists() else None
    return int(found[1]) / 1_024 if found else 0.0


def damaged(rng: random.Random) -> bytes:
    """Return noise, or one or two requests with a few bytes changed."""
    if rng.random() < 0.2:
        return rng.randbytes(rng.randint(1, 100))
    data = bytearray(b"".join(rng.choices(GOOD, k=rng.randint(1, 2))))
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(data))
        data[at : at + rng.randint(0, 2)] = rng.choice(PIECES) if rng.random() < 0.5 else rng.randbytes(1)
    return bytes(data)


def test_any_bytes(caplog: pytest.LogCaptureFixture) -> None:
    """No exception leaves any connection, some hundred open together, with a damaged request in one or two parts."""
    rng, problems, answers = random.Random(14), list[dict[str, Any]](), set[bytes]()

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="answered")

    async def all_cases() -> None:
        loop, crowd = asyncio.get_running_loop(), _OpenConnections(Limits(total=CASES, of_one=CASES))
        loop.set_exception_handler(lambda _, context: problems.append(context))
        application = web.Application()
        application.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(application, handler_cancellation=True)
        await runner.setup()
        assert runner.server is not None
        runner.server.request_handler = _with_guard(runner.server.request_handler, GUARD)
        make = partial(_Connection, runner.server, crowd, loop)
        before_mb = resident_mb()
        for _ in range(CASES // AT_ONCE):
            connections = [(make(), Wire()) for _ in range(AT_ONCE)]
            for connection, wire in connections:
                data = damaged(rng)
                half = rng.randrange(len(data) + 1)
                connection.connection_made(wire)
                connection.data_received(data[:half])
                connection.data_received(data[half:])
            for _ in range(6):
                await asyncio.sleep(0)
            for connection, wire in connections:
                answers.add(wire.answered[:12])
                connection.connection_lost(None)
        assert resident_mb() - before_mb < MOST_MB

    with caplog.at_level(logging.INFO):
        asyncio.run(all_cases())
    assert problems == []
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == []
    assert {b"HTTP/1.1 200", b"HTTP/1.0 400", b""} <= answers
