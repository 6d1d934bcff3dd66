"""The page and metrics of a running dashboard, with requests of other sites, DNS rebinding and random bytes.

FUZZ_CASES=100000 sends 100,000 random requests to each of the two servers.
"""

import http.client
import random
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress

import pytest

from tests.fuzz import cases
from tests.integration.dashboard import Dashboard, snapshot
from tests.integration.scorer import Surroundings
from tests.integration.test_http_bytes import damaged, resident_mb

PAGE = ("/", "/fraud/", "/events", "/api/payments/1", "/static/x/app.js", "/nothing")
METRICS = ("/metrics", "/healthz", "/readyz", "/nothing")
ROUTES = [*(("page", path) for path in PAGE), *(("metrics", path) for path in METRICS)]
FOREIGN: list[tuple[Mapping[str, str], int]] = [
    ({"Host": "evil.example"}, 421),
    ({"Host": "127.0.0.1.nip.io"}, 421),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}, 403),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
]
MALFORMED = (
    b"GARBAGE\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(100)) + b"\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: \xff\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
)
RANDOM_REQUESTS = cases(5_000)
MOST_MB = 50


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Start a dashboard without Kafka, which logs at debug level."""
    surroundings = Surroundings("127.0.0.1:1", "hostile-{}".format, tmp_path_factory.mktemp("dashboard"))
    surroundings.settings |= {"METRICS_PORT": "0", "METRICS_HOSTS": "scorer"}
    with Dashboard(surroundings, LOG_LEVEL="debug", DASHBOARD_HOSTS="fraud.example") as running:
        running.service.wait_for("metrics")
        yield running
        assert running.service.running
        assert "Traceback" not in running.service.output


def port(dashboard: Dashboard, server: str) -> int:
    """Return the port of the page or of the metrics."""
    address = dashboard.url if server == "page" else dashboard.service.address
    return int(address.rpartition(":")[2])


def ask(number: int, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    """Return the answer, without reading the body of an event stream."""
    with closing(http.client.HTTPConnection("127.0.0.1", number, timeout=60)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        if response.getheader("Content-Type") != "text/event-stream":
            response.read()
        return response


def send(number: int, data: bytes) -> bytes:
    """Return the complete answer to these bytes."""
    with socket.create_connection(("127.0.0.1", number), timeout=60) as connection:
        got = b""
        with suppress(ConnectionError):
            connection.sendall(data)
            while part := connection.recv(65_536):
                got += part
        return got


def assert_headers(headers: Mapping[str, str | None]) -> None:
    """Assert that there is no server version, and that other sites and other content types are blocked."""
    assert headers["Server"] == "fraudstream"
    assert "default-src 'none'" in (headers["Content-Security-Policy"] or "")
    assert "frame-ancestors 'none'" in (headers["Content-Security-Policy"] or "")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"]


@pytest.mark.parametrize(("server", "path"), ROUTES)
def test_no_route_answers_another_site(dashboard: Dashboard, server: str, path: str) -> None:
    """Other sites are refused by name, by origin, or embedded; all answers, also to our own page, have all headers."""
    number = port(dashboard, server)
    for headers, status in FOREIGN:
        response = ask(number, path, headers)
        assert response.status == status, headers
        assert_headers(dict(response.getheaders()))
    own = "fraud.example" if server == "page" else "scorer"
    for host in ("localhost", "127.0.0.1", "[::1]:80", "192.0.2.1", own):
        response = ask(number, path, {"Host": host})
        assert response.status not in {400, 403, 421}
        assert_headers(dict(response.getheaders()))


def test_a_refusal_names_the_setting(dashboard: Dashboard) -> None:
    """The refusal names the setting of the server that was asked."""
    request = b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    assert b"DASHBOARD_HOSTS" in send(port(dashboard, "page"), request)
    assert b"METRICS_HOSTS" in send(port(dashboard, "metrics"), request)


@pytest.mark.parametrize("server", ["page", "metrics"])
def test_malformed_requests(dashboard: Dashboard, server: str) -> None:
    """Malformed requests get a short answer with all headers, and at most one debug line in the log."""
    for request in MALFORMED:
        head = send(port(dashboard, server), request).partition(b"\r\n\r\n")[0].decode()
        status, *lines = head.split("\r\n")
        assert re.match(r"HTTP/1\.[01] 4\d\d ", status), request[:60]
        assert_headers(dict(line.split(": ", 1) for line in lines))
    assert "Traceback" not in dashboard.service.output
    assert not [line for line in dashboard.service.output.splitlines() if '"level":"error"' in line.replace(" ", "")]


@pytest.mark.parametrize("server", ["page", "metrics"])
def test_random_requests(dashboard: Dashboard, server: str) -> None:
    """After thousands of requests over real sockets the process runs, with the same memory, and answers."""
    rng, number = random.Random(14), port(dashboard, server)
    before_mb = resident_mb(dashboard.service.pid)
    for _ in range(RANDOM_REQUESTS):
        with socket.create_connection(("127.0.0.1", number), timeout=60) as connection, suppress(ConnectionError):
            connection.sendall(damaged(rng))
            if rng.random() < 0.1:
                connection.shutdown(socket.SHUT_WR)
                connection.recv(100)
    assert resident_mb(dashboard.service.pid) - before_mb < MOST_MB
    assert dashboard.service.running
    assert "Traceback" not in dashboard.service.output
    assert snapshot(dashboard.url)["kafka"]["state"] == "connecting"
