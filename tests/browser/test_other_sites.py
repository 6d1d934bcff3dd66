"""Pages of other sites in a real browser: none can read the page by script, embedding or DNS rebinding."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Names
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import Dashboard
from tests.integration.scorer import Surroundings

SITES = ("evil.localhost", "127.0.0.1")
"""Another site, and another port of the same host: Chromium asks no DNS for names below localhost."""
ATTACK = """<!doctype html><title>a site</title><a id="link" href="PAGE/">the page</a>
<img src="PAGE/api/payments/1"><iframe src="PAGE/"></iframe><script src="PAGE/events"></script>
<script>
  new EventSource("PAGE/events");
  fetch("PAGE/api/payments/2", { mode: "no-cors" });
  fetch("PAGE/healthz");
</script>"""
ATTEMPTS = 6
"""Requests that it makes to the page, two of them for /events."""


@contextmanager
def site(html: str) -> Iterator[int]:
    """Serve one page; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running = threading.Thread(target=server.serve_forever)
        running.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            running.join()


@pytest.fixture
def dashboard(names: Names, tmp_path: Path) -> Iterator[Dashboard]:
    """Start a dashboard without Kafka; its page is served all the same."""
    with Dashboard(Surroundings("127.0.0.1:1", names, tmp_path)) as running:
        yield running


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """Open an empty tab."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", SITES)
def test_another_site_can_only_link_to_the_page(dashboard: Dashboard, tab: Page, name: str) -> None:
    """Image, frame, script, events and requests are refused; a link opens the complete page."""
    statuses, blocked = list[tuple[str, int]](), list[str]()
    tab.on("response", lambda answer: statuses.append((answer.url, answer.status)))
    tab.on("requestfailed", lambda request: blocked.append(request.url))

    def ours(answers: list[tuple[str, int]]) -> list[tuple[str, int]]:
        return [answer for answer in answers if answer[0].startswith(dashboard.url)]

    with site(ATTACK.replace("PAGE", dashboard.url)) as port:
        tab.goto(f"http://{name}:{port}/")

        def attempted() -> bool:
            tab.wait_for_timeout(100)
            return len(ours(statuses)) + len(blocked) >= ATTEMPTS

        wait_until(attempted, 20, "each is refused by the page or by the browser")
        assert {status for _, status in ours(statuses)} == {403}, statuses
        statuses.clear()
        tab.click("#link")
        expect(tab.get_by_test_id("banner")).to_have_attribute("data-state", "connecting")
        assert {status for _, status in ours(statuses)} == {200}, statuses


def test_a_name_that_is_pointed_at_the_page_shows_nothing(dashboard: Dashboard, tab: Page) -> None:
    """DNS rebinding, where the browser takes the page for the other site's own, is refused; the setting is named."""
    url = dashboard.url.replace("127.0.0.1", "evil.localhost")
    for path in ("/", "/events", "/api/payments/1"):
        answer = tab.goto(f"{url}{path}")
        assert answer is not None
        assert answer.status == 421
        assert "DASHBOARD_HOSTS" in tab.inner_text("body")
