"""The page behind a real nginx: its events arrive in time, and it works under any path."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import MakePage
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import Dashboard, now, scored
from tests.integration.nginx import Nginx, binary
from tests.integration.scorer import Surroundings
from tests.missing import skip

GIVE_UP_S = 15
"""Seconds without an event after which stream.js considers the server gone."""
PAYMENTS = 40
_FOLDERS = ("/", "/fraud/", "/kept/", "/deep/below/", "/doubled/", "/compressed/", "/buffered/")
PATHS = {"/fraud": "/fraud/", **{path: path for path in _FOLDERS}}
"""The opened address, and the path of the page that it leads to."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "dashboard.md"
SERVER = """
    location / { proxy_pass http://page; }
    location /kept/ { proxy_pass http://page; }
    location /deep/below/ { proxy_pass http://page/; }
    location /doubled { proxy_pass http://page/; }
    location /compressed/ { gzip on; gzip_types *; proxy_pass http://page/; }
    location /named/ { proxy_set_header Host $host; proxy_pass http://page/; }
    location /buffered/ { proxy_ignore_headers X-Accel-Buffering; proxy_pass http://page/; }
"""
WATCH = """() => {
  const pill = document.getElementById('pill'), clock = document.getElementById('clock');
  window.seen = { states: [pill.dataset.state], seconds: new Set(), gaps: [], last: performance.now() };
  new MutationObserver(() => seen.states.push(pill.dataset.state)).observe(pill, { attributes: true });
  new MutationObserver(() => {
    seen.gaps.push(performance.now() - seen.last);
    seen.last = performance.now();
    seen.seconds.add(clock.textContent);
  }).observe(clock, { childList: true, characterData: true, subtree: true });
}"""


@pytest.fixture(autouse=True)
def nginx() -> None:
    """Skip the tests where nginx is missing; in CI, fail them."""
    if binary() is None:
        skip("needs nginx: apt-get install nginx-light")


@pytest.fixture
def proxy(dashboard: Dashboard, tmp_path: Path) -> Iterator[Nginx]:
    """Start nginx in front of the dashboard, with the configuration of docs/dashboard.md and others."""
    documented = DOCUMENT.read_text(encoding="utf-8").partition("```nginx\n")[2].partition("```")[0]
    assert "location /fraud/" in documented
    server = (SERVER + documented).replace("http://page", dashboard.url).replace("http://127.0.0.1:8080", dashboard.url)
    with Nginx(tmp_path / "nginx", server) as running:
        yield running


@pytest.fixture
def opened(proxy: Nginx, surroundings: Surroundings, make_page: MakePage) -> Callable[[str], Page]:
    """Open the page at an address of the proxy, and wait until it shows the payments that were sent."""
    surroundings.send(
        [scored(number, now(), decision="review" if number == 1 else "approve") for number in range(1, PAYMENTS + 1)],
        "SCORED_TOPIC",
    )

    def open_page(path: str) -> Page:
        page = make_page(f"{proxy.url}{path}")
        chart = page.get_by_test_id("chart-payments")
        expect(chart).to_have_attribute("data-approve", str(PAYMENTS - 1))
        expect(page.locator("#pill-text")).to_have_text("Live")
        return page

    return open_page


@pytest.mark.parametrize("path", PATHS)
def test_the_page_is_complete(proxy: Nginx, opened: Callable[[str], Page], path: str) -> None:
    """Style, script, icon, events and the search load; a link to a payment leads back to it."""
    page = opened(path)
    assert page.url == f"{proxy.url}{PATHS[path]}"
    rules = "[...document.styleSheets].map((sheet) => sheet.cssRules.length)"
    found = page.evaluate(rules)
    assert len(found) == 4
    assert min(found) > 0
    assert page.evaluate("document.querySelector('.brand img').naturalWidth") > 0
    page.get_by_test_id("search").fill("2")
    page.keyboard.press("Enter")
    detail = page.get_by_test_id("detail")
    expect(detail).to_contain_text("1,234.5")
    assert page.url == f"{proxy.url}{PATHS[path]}#payment=2"
    page.reload()
    expect(detail).to_contain_text("1,234.5")


def test_live_stays_live(opened: Callable[[str], Page]) -> None:
    """The page gets a new second each second, for longer than the time after which it would give up."""
    pages = [opened(path) for path in PATHS]
    for page in pages:
        page.evaluate(WATCH)

    def watched() -> bool:
        pages[0].wait_for_timeout(200)
        return all(page.evaluate("seen.seconds.size") > GIVE_UP_S + 2 for page in pages)

    wait_until(watched, 3 * GIVE_UP_S, "each page shows each new second")
    for path, page in zip(PATHS, pages, strict=True):
        assert set(page.evaluate("seen.states")) == {"reading"}, path
        # a proxy that holds events back does so again and again, a busy machine once
        assert sorted(page.evaluate("seen.gaps"))[-2] < 4_000, path


@pytest.mark.parametrize(("hosts", "status"), [("fraud.localhost", 200), ("", 421)])
def test_a_proxy_that_keeps_the_name(
    surroundings: Surroundings, tmp_path: Path, make_page: MakePage, hosts: str, status: int
) -> None:
    """The proxy's host name must be one of DASHBOARD_HOSTS."""
    with (
        Dashboard(surroundings, DASHBOARD_HOSTS=hosts) as dashboard,
        Nginx(tmp_path / "nginx", SERVER.replace("http://page", dashboard.url)) as proxy,
    ):
        page = make_page(may_fail=f"status of {status}")
        answer = page.goto(f"{proxy.url.replace('127.0.0.1', 'fraud.localhost')}/named/")
        assert answer is not None
        assert answer.status == status
        if status == 200:
            expect(page.get_by_test_id("banner")).to_have_attribute("data-state", "empty")
        else:
            assert "DASHBOARD_HOSTS" in page.inner_text("body")
