"""The page shows exactly the payments that were sent."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import MakePage
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import MODEL, Dashboard, now, scored, total
from tests.integration.scorer import READY, Message, Surroundings, payment
from tests.integration.tools import run
from tests.integration.topic import read_all
from tests.integration.trained import save_model

BROKEN = [b"{", b"[]", b"", None, payment(1)[:-1] + b',"amount":-1}', b'{"payment_id":1}']
NAMES = ("scorer", "archiver")
REASONS = ("invalid_json", "not_an_object", "empty", "tombstone", "invalid_field", "missing_field")


def totals(page: Page) -> dict[str, int]:
    """Return the payments of the window by decision."""
    chart = page.get_by_test_id("chart-payments")
    return {name: int(chart.get_attribute(f"data-{name}") or 0) for name in ("approve", "review", "block")}


def value(page: Page, name: str) -> float | None:
    """Return a tile's number."""
    raw = page.get_by_test_id(f"kpi-{name}").get_attribute("data-value")
    return float(raw) if raw else None


def scored_events(surroundings: Surroundings) -> list[dict[str, Any]]:
    """Return all records of the scored topic."""
    records = read_all(surroundings.bootstrap, surroundings.topics[1], "read_committed")
    return [json.loads(record.value or b"") for record in records]


def until(page: Page, condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition while the page keeps running."""

    def holds() -> bool:
        page.wait_for_timeout(100)
        return condition()

    wait_until(holds, 30, what)


def test_a_real_stream_is_shown_as_it_is(surroundings: Surroundings, make_page: MakePage) -> None:
    """Payments and broken messages are scored, archived and shown while the page stays open, without a reload."""
    with (
        surroundings.scorer(METRICS_PORT="0") as scorer,
        surroundings.service("archiver", METRICS_PORT="0") as archiver,
    ):
        scorer.wait_for(READY)
        with Dashboard(surroundings, [scorer, archiver]) as dashboard:
            page = make_page(dashboard.url)
            expect(page.get_by_test_id("banner")).to_have_attribute("data-state", "empty")
            holder, archive = (page.locator(f'[data-testid="replica-row"]:has-text("{name}")') for name in NAMES)
            for partition in range(4):  # scraped once: latencies are what is added since then
                expect(holder).to_contain_text(f"p{partition}")
            surroundings.send_payments(3_000)
            surroundings.send([Message(broken) for broken in BROKEN] * 3)
            surroundings.wait_until_committed()
            events = scored_events(surroundings)
            decisions = Counter(event["decision"] for event in events)
            assert decisions.total() == 3_000
            until(page, lambda: totals(page) == dict(decisions), "all are shown")
            flagged = decisions["review"] + decisions["block"]
            assert value(page, "flagged-share") == flagged / 3_000
            until(page, lambda: value(page, "dead") == 3 * len(BROKEN), "dead letters are shown")
            for reason in REASONS:
                row = page.locator(f'[data-testid="chart-dead"] [data-reason="{reason}"]')
                assert row.get_attribute("data-count") == "3"
            bins = Counter(min(int(event["fraud_probability"] * 20), 19) for event in events)
            counts = page.get_by_test_id("chart-scores").get_attribute("data-counts")
            assert counts == ",".join(str(bins[number]) for number in range(20))
            expect(page.get_by_test_id("banner")).to_have_attribute("data-state", "reading")
            until(page, lambda: value(page, "lag") == 0, "no lag")
            until(page, lambda: value(page, "p50") is not None, "latencies")
            p50, p99 = value(page, "p50"), value(page, "p99")
            assert p50 is not None
            assert p99 is not None
            assert 0 < p50 <= p99
            expect(archive.locator(".partitions")).to_have_text("dlq0scored0")
            assert surroundings.model.version[:8] in page.get_by_test_id("model-card").inner_text()
            replayed = page.locator('[data-testid="dead-row"] [data-testid="replayed"]:visible')
            expect(replayed).to_have_count(0)
            page.locator('[data-testid="dead-row"] button').first.focus()  # a focused row does not move
            assert run(surroundings, "dlq", "replay", "--reason", "missing_field", "--yes").code == 0
            expect(replayed).to_have_count(3)
            expect(replayed.first).to_contain_text("replayed ")
            until(page, lambda: value(page, "dead") == 3 * len(BROKEN) + 3, "markers are not counted as dead letters")
            badge = page.locator('[data-testid="replayed"]:visible')
            row = page.get_by_test_id("dead-row").filter(has=badge).first
            row.get_by_role("button").click()
            expect(page.get_by_test_id("detail").get_by_test_id("replayed")).to_be_visible()


def test_flagged_payments_with_their_reasons(surroundings: Surroundings, make_page: MakePage) -> None:
    """The table's rows are the topic's reviewed and blocked payments, the latest first, with all their fields."""
    surroundings.model = save_model(surroundings.folder / "models", usual=(20.0, 0.1, 0.0, 12.0, 0.0))
    with surroundings.scorer() as scorer, Dashboard(surroundings) as dashboard:
        scorer.wait_for(READY)
        page = make_page(dashboard.url)
        surroundings.send_and_wait(400)
        events = scored_events(surroundings)
        decisions = Counter(event["decision"] for event in events)
        until(page, lambda: totals(page) == dict(decisions), "all are shown, and rows do not move")
        latest = sorted(events, key=lambda event: event["source_offset"], reverse=True)
        flagged = [event for event in latest if event["decision"] != "approve"]
        assert len(flagged) > 50
        rows = page.get_by_test_id("flagged-row")
        expect(rows).to_have_count(50)
        of_partition = [iter([event for event in flagged if event["source_partition"] == at]) for at in range(4)]
        place = {str(event["payment_id"]): event["source_partition"] for event in flagged}
        for number in range(50):
            row = rows.nth(number)
            shown_id = row.get_attribute("data-payment-id") or ""
            event = next(of_partition[place[shown_id]])
            assert shown_id == str(event["payment_id"])
            assert row.get_attribute("data-decision") == event["decision"]
            text = row.inner_text()
            assert f"{min(event['fraud_probability'], 0.999):.3f}" in text
            assert event["reasons"][0]["text"] in text
        some = rows.nth(30).get_attribute("data-payment-id") or ""
        page.get_by_test_id("flagged-filter").fill(some)
        expect(page.locator(f'[data-testid="flagged-row"]:not([data-payment-id*="{some}"])')).to_have_count(0)
        expect(page.locator(f'[data-testid="flagged-row"][data-payment-id="{some}"]')).to_have_count(1)


def test_champion_beside_challenger(surroundings: Surroundings, make_page: MakePage) -> None:
    """The page shows both versions, the payments that each scored, and how often they agree."""
    challenger = save_model(surroundings.folder / "models", strength=0.001)
    champion = save_model(surroundings.folder / "models")
    run(surroundings, "model", "challenge", challenger.version)
    with surroundings.scorer(METRICS_PORT="0") as scorer:
        scorer.wait_for("challenger changed")
        scorer.wait_for(READY)
        with Dashboard(surroundings, [scorer]) as dashboard:
            surroundings.send_payments(500)
            page = make_page(dashboard.url)
            for role, version in (("champion", champion.version), ("challenger", challenger.version)):
                card = page.locator(f'[data-testid="model-card"][data-role="{role}"]')
                expect(card).to_contain_text(version[:8])
                expect(card).to_contain_text("500")
            expect(page.locator("#agreement")).to_contain_text("%")


def test_a_dashboard_that_starts_later_reads_the_last_fifteen_minutes(
    surroundings: Surroundings, make_page: MakePage
) -> None:
    """Payments scored before the dashboard started are shown immediately, up to 15 minutes back and no further."""
    surroundings.send([scored(number, now(20), decision="review") for number in range(1, 301)], "SCORED_TOPIC")
    surroundings.send([scored(number, now(2_000)) for number in range(301, 401)], "SCORED_TOPIC")
    with Dashboard(surroundings) as dashboard:
        page = make_page(dashboard.url)
        until(page, lambda: totals(page)["review"] == 300, "300 are shown")
        assert totals(page) == {"approve": 0, "review": 300, "block": 0}
        assert total(dashboard.url) == 300  # a page that is opened now gets them at once
        late = make_page(dashboard.url)
        until(late, lambda: totals(late)["review"] == 300, "300 are shown")


def test_a_flood_is_sampled_and_reported(dashboard: Dashboard, surroundings: Surroundings, make_page: MakePage) -> None:
    """Of a backlog of 150,000 payments the page shows a sample and mentions that; the total counts all."""
    page = make_page(dashboard.url)
    expect(page.get_by_test_id("banner")).to_have_attribute("data-state", "empty")
    stamp, count, few = now(), 150_000, 100
    payments = [scored(number + 1, stamp) for number in range(count)]
    surroundings.send(payments[:few], "SCORED_TOPIC")
    until(page, lambda: totals(page)["approve"] == few, "the first are read")
    # one transaction, so that the page finds the whole backlog together
    surroundings.send(payments[few:], "SCORED_TOPIC", transactional_id=surroundings.group)
    expect(page.get_by_test_id("sampling-note")).to_be_visible()
    expect(page.get_by_test_id("sampling-note")).to_contain_text("sample")
    until(page, lambda: totals(page)["approve"] >= count - 4, "all are counted")
    assert totals(page)["approve"] <= count + 16  # the topic's offsets also count transaction markers
    expect(page.get_by_test_id("sampling-note")).to_be_hidden()


def test_search_finds_any_payment(dashboard: Dashboard, surroundings: Surroundings, make_page: MakePage) -> None:
    """The search finds an approved payment, the largest id, both records of a repeated id; its link can be shared."""
    largest = 2**63 - 1
    reasons: list[dict[str, Any]] = [{"field": "failed_logins", "contribution": 2.5, "text": "9 failed logins"}]
    surroundings.send(
        [scored(largest, now(), amount=77.25), scored(7, now()), scored(7, now(), decision="block", reasons=reasons)],
        "SCORED_TOPIC",
    )
    page = make_page(dashboard.url)
    expect(page.get_by_test_id("flagged-row")).to_have_count(1)
    search, detail = page.get_by_test_id("search"), page.get_by_test_id("detail")
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.type(str(largest))
    page.keyboard.press("Enter")
    expect(detail).to_be_visible()
    for text in (str(largest), "77.25", "approve", MODEL):
        expect(detail).to_contain_text(text)
    assert page.url.endswith(f"#payment={largest}")
    shared = make_page(page.url)
    expect(shared.get_by_test_id("detail")).to_contain_text("77.25")
    page.keyboard.press("Escape")
    expect(detail).to_be_hidden()
    search.fill("7")
    search.press("Enter")
    expect(detail).to_contain_text("9 failed logins")
    expect(detail).to_contain_text("approve")
    expect(detail).to_contain_text("block")
    page.get_by_test_id("detail-close").click()
    search.fill("123456")
    search.press("Enter")
    expect(page.locator("#search-answer")).to_contain_text("123456 is not among the last 3 payments")
    search.fill("12.5")
    search.press("Enter")
    expect(page.locator("#search-answer")).to_contain_text("whole number")
