"""Metrics targets that are not ours: on any answer, the page shows that they do not answer, and continues.

FUZZ_CASES=100000 tries 100,000 random answers.
"""

import asyncio
import gzip
import random
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from prometheus_client import generate_latest

from dashboard import scrape
from dashboard.replicas import Replicas
from dashboard.scrape import Scraper
from fraudstream.runtime.addresses import Address
from fraudstream.runtime.metrics import ScorerMetrics
from tests.fuzz import cases

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

WHOLE = generate_latest(ScorerMetrics().registry)
OK = b"HTTP/1.1 200 OK\r\n"
TEXT = OK + b"Content-Type: text/plain\r\n"
RANDOM_ANSWERS = cases(5_000)
AT_ONCE = 250
MOST_MB = 40


def answer(body: bytes, head: bytes = TEXT) -> bytes:
    """Return a complete answer."""
    return head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


def unready(health: bytes, head: bytes = OK + b"Content-Type: application/json\r\n") -> Callable[[bytes], bytes]:
    """Return a handler of a scorer that is not ready, with that answer to /readyz."""
    return lambda request: answer(WHOLE) if b"/metrics" in request else answer(health, head)


ANSWERS: dict[str, Callable[[bytes], bytes]] = {
    "an infinite lag": lambda _: answer(WHOLE + b'fraudstream_lag_records{partition="0"} +Inf\n'),
    "a histogram without numbers": lambda _: answer(
        WHOLE.replace(b'bucket{le="0.001"} 0.0', b'bucket{le="0.001"} NaN')
    ),
    "health as a list": unready(b"[]"),
    "health nested too deeply": unready(b"[" * 200_000),
    "health that is not text": unready(b'{"status": {"a": 1}}'),
    "a list": lambda _: answer(b"[1, 2]", OK + b"Content-Type: application/json\r\n"),
    "not UTF-8": lambda _: answer(b"fraudstream_ready \xff 1\n"),
    "a bomb": lambda _: answer(gzip.compress(bytes(50_000_000)), TEXT + b"Content-Encoding: gzip\r\n"),
    "an error": lambda _: answer(WHOLE, b"HTTP/1.1 500 Oops\r\n"),
    "too much": lambda _: answer(WHOLE + b"#" * 1_000_000),
    "an endless header": lambda _: OK + b"X: " + b"y" * 1_000_000,
    "many headers": lambda _: OK + b"".join(b"X-%d: y\r\n" % number for number in range(50_000)),
    "nothing": lambda _: b"",
    "not HTTP": lambda _: b"\x00\x01\x02" * 1_000,
}


@pytest.fixture(autouse=True)
def ask_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the pause of 2 s between rounds."""
    monkeypatch.setattr(scrape, "_EVERY_S", 0.0)


async def rounds(serve: Serve, *, count: int, targets: int) -> Replicas:
    """Return the page's replicas after `count` rounds on a server listed as `targets` targets."""
    replicas, done = Replicas(), asyncio.Event()
    left, connections = count, set[asyncio.Task[None]]()

    def measured() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            done.set()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(task := asyncio.ensure_future(serve_one(reader, writer)))
        task.add_done_callback(connections.discard)

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        running = asyncio.ensure_future(Scraper([Address("127.0.0.1", port)] * targets, replicas, measured).run())
        waiting = asyncio.ensure_future(done.wait())
        ended, _ = await asyncio.wait(
            {running, waiting}, timeout=max(120, 2 * count), return_when=asyncio.FIRST_COMPLETED
        )
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.gather(*connections)
        assert ended == {waiting}
    return replicas


def once(make: Callable[[bytes], bytes]) -> Serve:
    """Return a server that answers each connection's request once, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(make(await reader.readuntil(b"\r\n\r\n")))
        await writer.drain()

    return serve


def states(replicas: Replicas) -> list[str]:
    """Return the state of each replica."""
    return [replica["state"] for replica in replicas.shown()]


@pytest.mark.parametrize("name", ANSWERS)
def test_a_hostile_answer_is_not_shown(name: str) -> None:
    """The replica is shown as unreachable, and the next round starts."""
    assert states(asyncio.run(rounds(once(ANSWERS[name]), count=2, targets=1))) == ["away"]


def test_an_endless_answer_is_ended() -> None:
    """The answer ends after a megabyte, before the deadline; the connection is closed."""
    taken = list[int]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(TEXT + b"\r\n")
        sent = 0
        try:
            while True:
                writer.write(b"# nothing\n" * 1_000)
                await writer.drain()
                sent += 10_000
        finally:
            taken.append(sent)

    tracemalloc.start()
    try:
        assert states(asyncio.run(rounds(serve, count=2, targets=1))) == ["away"]
        assert tracemalloc.get_traced_memory()[1] < MOST_MB << 20
    finally:
        tracemalloc.stop()
    assert len(taken) >= 1
    assert max(taken) < 20_000_000  # includes the bytes in the kernel's buffers of both sides


def test_an_answer_byte_by_byte_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics and health share one deadline."""
    monkeypatch.setattr(scrape, "_ANSWER_S", 0.5)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(TEXT + b"\r\n")
        while True:
            writer.write(b"\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def timed() -> float:
        began_s = asyncio.get_running_loop().time()
        assert states(await rounds(serve, count=1, targets=1)) == ["away"]
        return asyncio.get_running_loop().time() - began_s

    assert asyncio.run(timed()) < 60  # without the deadline, it has no end


def test_a_redirect_is_not_followed() -> None:
    """A target can't make the page send a request to another server."""
    requests = list[bytes]()

    def make(request: bytes) -> bytes:
        requests.append(request.split(b" ")[1])
        return answer(WHOLE, b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\n")

    assert states(asyncio.run(rounds(once(make), count=2, targets=1))) == ["away"]
    assert set(requests) == {b"/metrics"}


def test_random_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page survives thousands of answers, from pure noise to a valid one with a few bytes changed."""
    monkeypatch.setattr(scrape, "_ANSWER_S", 60.0)  # all targets of a round are asked at once
    rng = random.Random(14)
    good = answer(b"\n".join(WHOLE.splitlines()[-12:]))
    answered = 0

    def make(_: bytes) -> bytes:
        nonlocal answered
        answered += 1
        if rng.random() < 0.3:
            return rng.randbytes(rng.randint(0, 400))
        damaged = bytearray(good)
        for _change in range(rng.randint(1, 6)):
            # in the head more often than in the body
            damaged[rng.randrange(120 if rng.random() < 0.5 else len(damaged))] = rng.randrange(256)
        return bytes(damaged)

    asyncio.run(rounds(once(make), count=RANDOM_ANSWERS // AT_ONCE, targets=AT_ONCE))
    assert answered >= RANDOM_ANSWERS
