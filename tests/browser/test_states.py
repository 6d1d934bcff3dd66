"""Empty, unreachable, offline: the page shows the state and what to do. Text from other programs is never executed."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakePage
from tests.conftest import MakeCluster, Names
from tests.integration.dashboard import Dashboard, now, scored
from tests.integration.scorer import READY, Message, Surroundings

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "javascript:alert(3)",
    "\u202egnp.exe",
    "{{constructor.constructor('alert(4)')()}}",
    "x" * 2_000,
)


def test_kafka_becomes_unreachable_and_comes_back(
    make_cluster: MakeCluster, names: Names, tmp_path: Path, make_page: MakePage
) -> None:
    """The page shows since when Kafka is unreachable and what to do, keeps its data, and resumes without a loss."""
    cluster = make_cluster()
    surroundings = Surroundings(cluster.bootstrap, names, tmp_path).prepare()
    surroundings.send([scored(number, now()) for number in range(1, 51)], "SCORED_TOPIC")
    with Dashboard(surroundings) as dashboard:
        page = make_page(dashboard.url)
        chart, banner = page.get_by_test_id("chart-payments"), page.get_by_test_id("banner")
        expect(chart).to_have_attribute("data-approve", "50")
        cluster.broker.kill()
        expect(banner).to_have_attribute("data-state", "away", timeout=40_000)
        for text in ("Kafka unavailable since", "Nothing is lost", "docker compose up -d kafka"):
            expect(banner).to_contain_text(text)
        expect(chart).to_have_attribute("data-approve", "50")
        cluster.broker.start()
        expect(banner).to_have_attribute("data-state", "reading", timeout=60_000)
        surroundings.send([scored(number, now()) for number in range(51, 81)], "SCORED_TOPIC")
        expect(chart).to_have_attribute("data-approve", "80", timeout=40_000)


def test_no_kafka_at_the_start(names: Names, tmp_path: Path, make_page: MakePage) -> None:
    """The page is served before Kafka is up, and names the address that it tries."""
    surroundings = Surroundings("127.0.0.1:1", names, tmp_path)
    with Dashboard(surroundings) as dashboard:
        page = make_page(dashboard.url)
        banner = page.get_by_test_id("banner")
        expect(banner).to_have_attribute("data-state", "connecting")
        expect(banner).to_contain_text("127.0.0.1:1")


def test_nothing_was_sent_yet(dashboard: Dashboard, make_page: MakePage) -> None:
    """An empty page explains where payments come from."""
    page = make_page(dashboard.url)
    banner = page.get_by_test_id("banner")
    expect(banner).to_have_attribute("data-state", "empty")
    expect(banner).to_contain_text("No payments yet")
    expect(banner).to_contain_text("docker compose logs producer")


def test_no_scorer_answers(surroundings: Surroundings, make_page: MakePage) -> None:
    """The page reports that no scorer answers once the last one is gone, and clears that when one answers."""
    with surroundings.assigned_scorer(METRICS_PORT="0") as scorer, Dashboard(surroundings, [scorer]) as dashboard:
        page = make_page(dashboard.url)
        expect(page.get_by_test_id("replica-row")).to_contain_text("ready")
        expect(page.get_by_test_id("no-scorer")).to_be_hidden()
        scorer.kill()
        expect(page.get_by_test_id("no-scorer")).to_be_visible()
        expect(page.get_by_test_id("no-scorer")).to_contain_text("docker compose up -d scorer")


def test_the_server_stops_and_comes_back(dashboard: Dashboard, surroundings: Surroundings, make_page: MakePage) -> None:
    """An open page reports that the server is gone, and resumes without a reload."""
    surroundings.send([scored(1, now())], "SCORED_TOPIC")
    page = make_page(dashboard.url)
    chart, banner = page.get_by_test_id("chart-payments"), page.get_by_test_id("banner")
    expect(chart).to_have_attribute("data-approve", "1")
    dashboard.service.kill()
    expect(banner).to_have_attribute("data-state", "offline")
    expect(banner).to_contain_text("docker compose up -d dashboard")
    surroundings.send([scored(2, now())], "SCORED_TOPIC")
    dashboard.start()
    expect(banner).to_have_attribute("data-state", "reading")
    expect(chart).to_have_attribute("data-approve", "2")


@pytest.mark.parametrize("width", [390, 1_440])
def test_hostile_text_is_shown_and_not_executed(surroundings: Surroundings, make_page: MakePage, width: int) -> None:
    """With hostile dead letters and forged scored payments, no script runs and the layout stays intact."""
    with surroundings.scorer() as scorer, Dashboard(surroundings) as dashboard:
        scorer.wait_for(READY)
        values = [text.encode() for text in HOSTILE] + [json.dumps({"payment_id": text}).encode() for text in HOSTILE]
        surroundings.send([Message(value, key=value) for value in values])
        reasons = [{"field": text[:400], "contribution": 1.0, "text": text[:400]} for text in HOSTILE]
        surroundings.send(
            [scored(5, now(), decision="block", reasons=reasons, model_version=HOSTILE[0])], "SCORED_TOPIC"
        )
        page = make_page(dashboard.url, width=width)
        rows = page.get_by_test_id("dead-row")
        expect(rows).to_have_count(len(values))
        expect(page.get_by_test_id("flagged-row")).to_have_count(1)
        for number in range(len(values)):
            rows.nth(number).get_by_role("button").first.click()
            detail = page.get_by_test_id("detail")
            expect(detail.locator("pre").first).to_be_visible()
            page.keyboard.press("Escape")
            expect(detail).to_be_hidden()
        assert page.evaluate("document.querySelectorAll('#dead-letters img, #dead-letters script').length") == 0
        assert page.evaluate("document.body.innerText.includes('\\u202e')") is False
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth") is True


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(dashboard: Dashboard, make_page: MakePage, scheme: str) -> None:
    """The theme is the system's or the reader's choice; the choice is kept for the next visit."""
    page = make_page(dashboard.url, color_scheme=scheme)
    paper = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    light = sum(page.evaluate(paper)) > 3 * 128
    assert light is (scheme == "light")
    toggle = page.get_by_test_id("theme-toggle")
    for _ in range(3):
        toggle.click()
        if (sum(page.evaluate(paper)) > 3 * 128) is not light:
            break
    assert (sum(page.evaluate(paper)) > 3 * 128) is not light
    page.reload()
    assert (sum(page.evaluate(paper)) > 3 * 128) is not light


def test_the_keyboard_reaches_all_controls(
    dashboard: Dashboard, surroundings: Surroundings, make_page: MakePage
) -> None:
    """Tab reaches search, theme, filter and a row in this order; the row's detail opens, closes, returns the focus."""
    surroundings.send([scored(41, now(), decision="review")], "SCORED_TOPIC")
    page = make_page(dashboard.url)
    expect(page.get_by_test_id("flagged-row")).to_have_count(1)
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.dataset.testid ?? document.activeElement.textContent.trim()"))
        if seen[-1] == "41":
            break
    assert {"search", "theme-toggle", "flagged-filter"} <= set(seen)
    assert seen[-1] == "41"
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("detail")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("detail")).to_be_hidden()
    assert page.evaluate("document.activeElement.textContent.trim()") == "41"
