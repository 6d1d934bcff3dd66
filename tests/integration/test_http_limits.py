"""An HTTP server with clients that do not read, do not finish, or are too many: bounded, and open to others."""

import asyncio
import re
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web

from dashboard import find
from dashboard import web as page
from dashboard.board import Board
from dashboard.find import Finder
from dashboard.replicas import Replicas
from dashboard.viewers import MOST_OF_ONE, Viewers
from fraudstream.payment_schema import default_schema
from fraudstream.runtime import http_server
from fraudstream.runtime.http_guard import Guard
from fraudstream.runtime.http_server import Limits, served
from fraudstream.runtime.settings import KafkaSettings
from fraudstream.scored_payment import ScoredFormat
from tests.unit.test_board import NOW, Record, scored

ASK = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
SOON_S = 20.0
WAIT_S = 1.0
KERNEL_BYTES = 400_000
"""Linux gives a socket twice the requested size, 64 KiB here, and a little more; without a limit it is 4 MB."""
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2, and /proc/net/tcp")


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the timeouts from 15 s to 1 s."""
    monkeypatch.setattr(http_server, "_WRITE_S", WAIT_S)
    monkeypatch.setattr(http_server, "_IDLE_S", WAIT_S)


class Clients:
    """Clients of the server on `port`, which are disconnected with `stack`."""

    def __init__(self, port: int, stack: ExitStack) -> None:
        self.port = port
        self._stack = stack

    async def connect(self, sent: bytes, client: str = "127.0.0.1") -> socket.socket:
        """Connect a client that has sent these bytes, and reads nothing by itself."""
        one = self._stack.enter_context(socket.socket())
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        one.bind((client, 0))
        one.setblocking(False)  # noqa: FBT003 - signature of socket
        loop = asyncio.get_running_loop()
        await loop.sock_connect(one, ("127.0.0.1", self.port))
        with suppress(ConnectionError):
            await loop.sock_sendall(one, sent)
        return one


@asynccontextmanager
async def serving(application: web.Application, limits: Limits = page.LIMITS) -> AsyncIterator[Clients]:
    """Serve the application to the clients within the block."""
    guard = Guard(names=frozenset(), variable="DASHBOARD_HOSTS", linked=re.compile("/"))
    async with served(application, guard, limits, host="127.0.0.1", port=0, variable="X") as url:
        with ExitStack() as stack:
            yield Clients(int(url.rpartition(":")[2]), stack)


async def small(_: web.Request) -> web.Response:
    """Answer with a short text."""
    return web.Response(text="here")


def application_with(handler: Callable[[web.Request], Awaitable[web.StreamResponse]] = small) -> web.Application:
    """Return an application with one route."""
    application = web.Application()
    application.router.add_route("*", "/", handler)
    return application


async def answer(one: socket.socket, until: bytes = b"\r\n\r\n") -> bytes:
    """Return the bytes that a client gets until `until`, the end, or 10 s."""
    got = b""
    with suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(SOON_S):
            while until not in got and (part := await asyncio.get_running_loop().sock_recv(one, 65_536)):
                got += part
    return got


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for the condition."""
    deadline_s = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline_s, what
        await asyncio.sleep(0.02)


def sockets(port: int) -> list[int]:
    """Return the bytes that the kernel holds for the client of each connection that is open or has more to send."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    established, closing = "01", "04"
    return [
        int(line[4].partition(":")[0], 16)
        for line in lines
        if line[1].endswith(f":{port:04X}") and line[3] in {established, closing}
    ]


@needs_linux
def test_clients_that_do_not_read_cost_little_and_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Handlers of silent clients end, of streams too, and the kernel holds no bytes for them."""
    monkeypatch.setattr(http_server, "_WRITE_S", 5.0)  # all connect before the first is ended
    open_streams = 0

    async def stream(request: web.Request) -> web.StreamResponse:
        nonlocal open_streams
        open_streams += 1
        try:
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(bytes(100_000))
                await request.writer.drain()
        finally:
            open_streams -= 1

    async def attack() -> int:
        most = 0
        async with serving(application_with(stream)) as clients:
            for _ in range(50):
                await clients.connect(ASK % b"/")
            await until(lambda: open_streams == 50, "all are served")
            while open_streams:
                most = max([most, *sockets(clients.port)])
                await asyncio.sleep(0.05)
            await until(lambda: sockets(clients.port) == [], "the kernel has discarded its buffers")
        return most

    assert 0 < asyncio.run(asyncio.wait_for(attack(), 60)) < KERNEL_BYTES


def test_answers_that_are_not_read_are_not_made() -> None:
    """Of a thousand concurrent requests for a megabyte each, unread answers are not made."""
    made = 0

    async def large(_: web.Request) -> web.Response:
        nonlocal made
        made += 1
        return web.Response(body=bytes(1_000_000))

    async def attack() -> None:
        async with serving(application_with(large)) as clients:
            one = await clients.connect(ASK % b"/" * 1_000)
            await until(lambda: made > 0, "the client is served")
            await asyncio.sleep(2 * WAIT_S)
            assert len(await answer(one, b"never")) < 1_000_000

    asyncio.run(attack())
    assert made < 5


@pytest.mark.parametrize("sent", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: y", ASK % b"/" + b"GET /"])
def test_half_a_request_is_not_waited_for(sent: bytes) -> None:
    """A connection with half a request is closed, also after a whole request before."""

    async def attack() -> float:
        async with serving(application_with()) as clients:
            one = await clients.connect(sent)
            began_s = time.monotonic()
            await answer(one, b"never")
            return time.monotonic() - began_s

    assert WAIT_S / 2 < asyncio.run(attack()) < SOON_S / 2


@pytest.mark.parametrize("length", [b"Content-Length: 9999999999", b"Transfer-Encoding: chunked"])
def test_an_endless_body_is_not_taken(length: bytes) -> None:
    """An endless body is answered, and the connection closed soon after."""

    async def attack() -> int:
        sent = 0
        async with serving(application_with()) as clients:
            one = await clients.connect(b"POST / HTTP/1.1\r\nHost: localhost\r\n%b\r\n\r\n" % length)
            part = b"10000\r\n" + bytes(0x10000) + b"\r\n"
            with suppress(ConnectionError):
                async with asyncio.timeout(SOON_S):
                    while True:
                        await asyncio.get_running_loop().sock_sendall(one, part)
                        await asyncio.sleep(0.01)
                        sent += len(part)
        return sent

    assert asyncio.run(attack()) < 50_000_000


@needs_linux
def test_connections_are_limited_for_each_client_and_in_all() -> None:
    """Above the limits, clients get a 503 or nothing; another client is served; a closed connection makes room."""

    async def status(clients: Clients, client: str) -> bytes:
        one = await clients.connect(ASK % b"/", client)
        got = (await answer(one))[9:12]
        one.close()
        return got

    async def attack() -> None:
        http_server._IDLE_S = 60.0  # idle connections must stay; the fixture restores it
        async with serving(application_with(), Limits(total=60, of_one=40)) as clients:
            held = [await clients.connect(b"GET") for _ in range(40)]
            assert await status(clients, "127.0.0.1") == b"503"
            assert await status(clients, "127.0.0.2") == b"200"
            for _ in range(100):
                await clients.connect(b"GET")
            assert await status(clients, "127.0.0.1") == b""
            assert await status(clients, "127.0.0.2") in {b"200", b"503"}
            for one in held[:30]:
                one.close()
            await until(lambda: len(sockets(clients.port)) < 40, "the connections are closed")
            assert await status(clients, "127.0.0.1") == b"200"

    asyncio.run(attack())


def full_board() -> Board:
    """Return a board whose snapshot has some hundred kilobytes."""
    board = Board("kafka:9092", ScoredFormat(default_schema()), Replicas(), NOW)
    reasons = [{"field": "x", "contribution": 1.0, "text": "x" * 150}] * 20
    board.add_scored(
        0, [Record(offset, value=scored(offset + 1, "review", reasons=reasons)) for offset in range(200)], NOW
    )
    return board


@needs_linux
def test_silent_viewers_do_not_lock_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 150 silent viewers of one address, another address has page and stream, and soon the first one does too."""
    monkeypatch.setattr(http_server, "_WRITE_S", 10.0)  # all connect before the first is ended
    board = full_board()

    async def visit(port: int, client: str) -> None:
        async with ClientSession(connector=TCPConnector(local_addr=(client, 0))) as session:
            async with session.get(f"http://127.0.0.1:{port}/") as response:
                assert response.status == 200
            async with session.get(f"http://127.0.0.1:{port}/events") as response:
                assert response.status == 200
                assert await response.content.readline() == b"event: snapshot\n"

    async def attack() -> None:
        viewers = Viewers(board)
        application = page.application(viewers, Finder(KafkaSettings.from_env({}), "scored", board))
        async with serving(application) as clients:
            silent = [await clients.connect(ASK % b"/events") for _ in range(150)]
            await until(lambda: len(viewers) == MOST_OF_ONE, "the limit of one client")
            for one in silent[-5:]:
                assert b"event: refused" in await answer(one, b"close one")
            await visit(clients.port, "127.0.0.2")
            await until(lambda: len(viewers) == 0, "connections of silent viewers are ended")
            await until(lambda: len(sockets(clients.port)) == 0, "connections of silent viewers are closed")
            await visit(clients.port, "127.0.0.1")

    asyncio.run(asyncio.wait_for(attack(), 60))


def test_searches_are_limited_and_end_with_their_tab(monkeypatch: pytest.MonkeyPatch) -> None:
    """While Kafka answers no search, the 25th is refused with a message, and a closed tab makes room for another."""
    board, begun, ended = full_board(), 0, 0

    async def never(*_: object) -> None:
        nonlocal begun, ended
        begun += 1
        try:
            await asyncio.Event().wait()
        finally:
            ended += 1

    monkeypatch.setattr(find, "record_at", never)
    monkeypatch.setattr(find, "_ANSWER_S", 60.0)
    ask = ASK % b"/api/payments/1"

    async def attack() -> None:
        application = page.application(Viewers(board), Finder(KafkaSettings.from_env({}), "scored", board))
        async with serving(application) as clients:
            tabs = [await clients.connect(ask) for _ in range(24)]
            await until(lambda: begun == 4, "some searches run")
            refused = await answer(await clients.connect(ask), b"seconds")
            assert b"try again in a few seconds" in refused
            for tab in tabs[:10]:
                tab.close()
            await until(lambda: (begun, ended) == (8, 4), "others run in place of the closed ones")
            await clients.connect(ask)
            for tab in tabs[10:]:
                tab.close()
            await until(lambda: begun == ended + 1, "only the last one runs")

    asyncio.run(attack())
