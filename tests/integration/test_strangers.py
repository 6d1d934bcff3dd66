"""Connections of other programs to a service's HTTP server: cut, reset, or not HTTP at all. No traceback."""

import random
import socket
import struct
import urllib.request
from contextlib import suppress
from pathlib import Path

from tests.conftest import Names
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import Dashboard, snapshot
from tests.integration.scorer import Surroundings

RESET = struct.pack("ii", 1, 0)
GARBAGE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\nHost: \xff\x00\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /%ff%00 HTTP/9.9\r\nA b: c\r\n\r\n",
    b"POST /events HTTP/1.1\r\nContent-Length: 10\r\n\r\n1",
)


def connect(dashboard: Dashboard, request: bytes) -> socket.socket:
    """Open a connection and send this request."""
    host, port = dashboard.url.removeprefix("http://").split(":")
    stranger = socket.create_connection((host, int(port)), timeout=60)
    stranger.sendall(request)
    return stranger


def reset(stranger: socket.socket) -> None:
    """Reset a connection, as a host that has failed does."""
    stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    stranger.close()


def assert_well(dashboard: Dashboard) -> None:
    """Assert that the dashboard answers, without a log line about these connections."""
    assert snapshot(dashboard.url)["kafka"]["state"] == "connecting"
    with urllib.request.urlopen(dashboard.url, timeout=60) as answer:  # noqa: S310 - our own http URL
        assert answer.status == 200
    for sign in ("Traceback", "KeyError", '"level": "error"'):
        assert sign not in dashboard.service.output


def test_a_dashboard_that_was_frozen_finds_its_connections_reset(names: Names, tmp_path: Path) -> None:
    """After an unpause, as by Docker, pages and half-sent requests of the meantime are gone."""
    with Dashboard(Surroundings("127.0.0.1:1", names, tmp_path)) as dashboard:
        requests = [b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHo", b""]
        pages = [connect(dashboard, request) for request in requests for _ in range(20)]
        for page in pages[:20]:
            assert page.recv(1) == b"H"
        dashboard.service.pause()
        pages += [connect(dashboard, request) for request in requests for _ in range(20)]
        for page in pages:
            reset(page)
        dashboard.service.resume()
        assert_well(dashboard)
        wait_until(lambda: "waiting for Kafka" in dashboard.service.output, 60, "the log is written")
        assert_well(dashboard)


def test_requests_that_are_not_http_are_refused_without_a_traceback(names: Names, tmp_path: Path) -> None:
    """Damaged requests, cut anywhere, and random bytes are refused without a traceback."""
    chance = random.Random(7)
    damaged = [request[: chance.randrange(1, len(request))] for request in GARBAGE for _ in range(5)]
    noise = [chance.randbytes(chance.randrange(1, 400)) for _ in range(40)]
    with Dashboard(Surroundings("127.0.0.1:1", names, tmp_path)) as dashboard:
        for request in (*GARBAGE, *damaged, *noise):
            stranger = connect(dashboard, request)
            if chance.random() < 0.5:
                reset(stranger)
                continue
            stranger.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                while stranger.recv(4_096):
                    pass
            stranger.close()
        assert_well(dashboard)
