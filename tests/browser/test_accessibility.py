"""The page by the rules of axe-core, in light and dark, wide and narrow; its layout at each width."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from dashboard.exposition import Reading
from fraudstream.payment_schema import default_schema
from tests.browser.conftest import MakePage
from tests.browser.page_server import VERSION, PageServer
from tests.browser.test_any_schema import COSTS, DEFAULT

REASONS = [
    {"field": "failed_logins", "contribution": 2.5, "text": "9 failed logins"},
    {"field": "country_risk_score", "contribution": 0.9, "text": "country risk 0.98"},
    {"field": "is_new_device", "contribution": 0.7, "text": "new device"},
]
CUT = "P", "TH", "SPAN", "TIME", "A", "H1", "H2", "H3", "LABEL", "TD"
OVERFLOWING = """() => [...document.querySelectorAll('main *, header *')]
  .filter((node) => node.clientWidth > 1 && node.scrollWidth > node.clientWidth + 1)
  .filter((node) => getComputedStyle(node).overflowX !== 'visible')
  .filter((node) => CUT.includes(node.tagName) && !node.matches('.reasons, .detail'))
  .map((node) => `${node.tagName} ${node.className}: ${node.textContent}`)""".replace("CUT", str([*CUT]))


@pytest.fixture
def busy() -> Iterator[PageServer]:
    """Serve a page with payments of each decision, dead letters, a scorer with drift and a challenger."""
    with PageServer(default_schema(), "EUR") as served:
        drift = {"amount": 0.01, "failed_logins": 0.2}
        reading = Reading(kind="scorer", ready=True, partitions={0: True, 1: False}, lags={0: 3}, handled=100.0)
        reading.models = [("champion", VERSION, "curves"), ("challenger", "ba9876543210", "boosting")]
        reading.costs, reading.layout = {VERSION: COSTS}, default_schema().layout
        reading.psi, reading.limit = drift, dict.fromkeys(drift, 0.1)
        reading.drifting = {name: psi > 0.1 for name, psi in drift.items()}
        served.answer("fraud-scorer-1", reading)
        for number, decision in enumerate(["approve", "review", "block"] * 5):
            payment = DEFAULT | {"payment_id": 241_341_611_639_746 + number}
            served.add_scored(payment, 0.01 + 0.06 * number, decision, reasons=REASONS if decision != "approve" else [])
        served.add_dead(b"17", b'{"payment_id":17}', "missing_field", "amount: Field required")
        served.measure()
        yield served


def violations(page: Page) -> list[str]:
    """Return what axe-core finds: rule, and the elements that break it."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found]


@pytest.mark.parametrize("width", [390, 1_440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(busy: PageServer, make_page: MakePage, scheme: str, width: int) -> None:
    """Neither on the page, nor in the details of a payment and of a dead letter, nor with a refused search."""
    page = make_page(busy.url, width=width, color_scheme=scheme)
    expect(page.get_by_test_id("flagged-row")).to_have_count(10)
    assert violations(page) == []
    for row in ("flagged-row", "dead-row"):
        page.get_by_test_id(row).first.click()
        expect(page.get_by_test_id("detail")).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("Escape")
    page.get_by_test_id("search").fill("abc")
    page.keyboard.press("Enter")
    expect(page.locator("#search-answer")).to_contain_text("whole number")
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_an_empty_page(make_page: MakePage, scheme: str) -> None:
    """With its banner, and reasons in place of data."""
    with PageServer(default_schema()) as served:
        page = make_page(served.url, color_scheme=scheme)
        expect(page.get_by_test_id("banner")).to_have_attribute("data-state", "empty")
        assert violations(page) == []


@pytest.mark.parametrize("width", [390, 768, 1_440])
def test_nothing_is_cut_or_wider_than_the_page(busy: PageServer, make_page: MakePage, width: int) -> None:
    """Texts of usual length fit at each width; header lines of panels stay on one line."""
    page = make_page(busy.url, width=width)
    expect(page.get_by_test_id("flagged-row")).to_have_count(10)
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth") is True
    assert page.evaluate(OVERFLOWING) == []
    titles = page.locator(".panel > header h2").evaluate_all("nodes => nodes.map((node) => node.offsetHeight)")
    assert max(titles) < 30
