"""Explanations on the page: thresholds, strengths, currency, progress, and what is known without a scorer."""

import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from dashboard import viewers
from dashboard.exposition import Reading
from fraudstream.payment_schema import default_schema
from tests.browser.conftest import MakePage
from tests.browser.page_server import VERSION, PageServer
from tests.browser.test_any_schema import COSTS, DEFAULT

LAYOUT = default_schema().layout
SCORER = "fraud-scorer-1"


@pytest.fixture
def served() -> Iterator[PageServer]:
    """Serve a page whose amounts are in euros."""
    with PageServer(default_schema(), "EUR") as running:
        yield running


def scorer(**fields: Any) -> Reading:
    """Return the reading of a scorer that decides by costs."""
    models = [("champion", VERSION, "curves")]
    return Reading(kind="scorer", ready=True, models=models, layout=LAYOUT, costs={VERSION: COSTS}, **fields)


def places(ticks: Locator) -> list[float]:
    """Return the places of ticks in percent of their bar."""
    styles: list[str] = ticks.evaluate_all("nodes => nodes.map((node) => node.style.left)")
    return [float(style.rstrip("%")) for style in styles]


def test_each_bar_has_the_ticks_of_its_payment(served: PageServer, make_page: MakePage) -> None:
    """Rows that are there before the rule is known get theirs as well; the model's card has those of three amounts."""
    served.add_scored(DEFAULT | {"amount": 118.0}, 0.0625, "review")
    page = make_page(served.url)
    ticks = page.get_by_test_id("flagged-row").locator(".meter .tick")
    expect(page.get_by_test_id("flagged-row")).to_have_count(1)
    expect(ticks).to_have_count(0)
    served.answer(SCORER, scorer())
    expect(ticks).to_have_count(2)
    assert places(ticks) == pytest.approx([100 * 5 / 133, 95.0], abs=0.01)
    card = page.get_by_test_id("model-card")
    expect(card.locator(".scale")).to_have_count(3)
    expect(card.locator(".scale").first).to_contain_text(re.compile(r"amount 10\sEUR"))
    assert places(card.locator(".tick.review")) == pytest.approx(
        [100 * 5 / (x + 15) for x in (10, 100, 1_000)], abs=0.01
    )


def test_amounts_and_costs_have_the_currency(served: PageServer, make_page: MakePage) -> None:
    """In the table, in the fields and in the explanation of the decision."""
    served.answer(SCORER, scorer())
    served.add_scored(DEFAULT | {"amount": 118.0}, 0.0625, "review")
    page = make_page(served.url)
    expect(page.get_by_test_id("flagged-row").locator("td.number")).to_have_text("118.00\u00a0EUR")
    page.get_by_test_id("flagged-row").click()
    expect(page.locator(".facts.fields dd").first).to_have_text("118.00\u00a0EUR")
    expect(page.get_by_test_id("because")).to_have_text(
        "Expected loss 8.31\u00a0EUR, a review costs 5\u00a0EUR, a block is expected to cost 93.75\u00a0EUR."
    )


def test_reasons_have_their_strength(served: PageServer, make_page: MakePage) -> None:
    """As the factor of the odds; those below a tenth of the strongest are left out."""
    contributions = {"7 failed logins": math.log(4.4), "amount 9": math.log(0.5), "weak": 0.1 * math.log(4.4) - 0.001}
    reasons = [{"field": "amount", "contribution": value, "text": text} for text, value in contributions.items()]
    served.add_scored(DEFAULT, 0.2, "review", reasons=reasons)
    page = make_page(served.url)
    expect(page.get_by_test_id("flagged-row").locator(".chip")).to_have_text(
        ["7 failed logins\u00d74.4", "amount 9\u00d70.50"]
    )
    page.get_by_test_id("flagged-row").click()
    expect(page.locator(".contributions li:not(.key) b")).to_have_text(["\u00d74.4", "\u00d70.50"])
    expect(page.locator(".contributions")).not_to_contain_text("weak")


@pytest.mark.parametrize(
    ("decision", "reason"), [("approve", "approved payments have none"), ("block", "model gives none")]
)
def test_a_payment_without_reasons(served: PageServer, make_page: MakePage, decision: str, reason: str) -> None:
    """A reviewed or blocked payment without reasons is not described as an approved one."""
    served.add_scored(DEFAULT, 0.9, decision)
    page = make_page(f"{served.url}#payment={DEFAULT['payment_id']}")
    expect(page.get_by_test_id("detail")).to_contain_text(reason)


def test_a_legend_follows_its_chart(served: PageServer, make_page: MakePage) -> None:
    """A chart that is drawn again because its size has changed states the seconds of its new bars immediately."""
    for _ in range(200):
        served.add_scored(DEFAULT, 0.01, "approve")
    page = make_page(served.url)
    expect(page.locator("#payments-unit")).to_have_text("payments/s, 1 s per bar")
    unit = page.evaluate("""async () => {
      document.getElementById('chart-payments').style.width = '90px';
      for (let i = 0; i < 3; i += 1) await new Promise(requestAnimationFrame);
      return document.getElementById('payments-unit').textContent;
    }""")
    assert unit == "payments/s, 10 s per bar"


@pytest.mark.parametrize("width", [768, 1_440])
def test_no_number_is_cut(served: PageServer, make_page: MakePage, width: int) -> None:
    """Amounts and probabilities of any size fit into their columns; no amount above 0 is shown as 0."""
    amounts = {0.0012: "<0.01", 118.0: "118.00", 123_456.78: "123,456.78", 9_999_999.5: "10M", 1e12: "1T"}
    for number, amount in enumerate(amounts):
        served.add_scored(DEFAULT | {"amount": amount}, [1e-7, 0.5, 0.9999999][number % 3], "review")
    page = make_page(served.url, width=width)
    cells = page.locator("td.number, td.probability")
    expect(cells).to_have_count(2 * len(amounts))
    shown = page.locator("td.number").all_inner_texts()
    assert sorted(shown) == sorted(f"{text}\u00a0EUR" for text in amounts.values())
    assert cells.evaluate_all("nodes => nodes.every((node) => node.scrollWidth <= node.clientWidth)") is True
    page.get_by_test_id("flagged-row").filter(has_text="<0.01").click()
    expect(page.locator(".facts.fields dd").first).to_have_text("0.0012\u00a0EUR")


def test_a_long_kind_of_model_leaves_room_for_its_name(served: PageServer, make_page: MakePage) -> None:
    """The names of a model's facts are on one line each, beside a challenger and a kind of any length."""
    kind = "HistGradientBoostingClassifier"
    models = [("champion", VERSION, kind), ("challenger", "ba9876543210", kind)]
    served.answer(SCORER, Reading(kind="scorer", ready=True, models=models, layout=LAYOUT))
    page = make_page(served.url)
    expect(page.get_by_test_id("model-card")).to_have_count(2)
    lines = page.locator(".model dt").evaluate_all("""nodes => nodes.map((node) => {
      const range = document.createRange();
      range.selectNodeContents(node);
      return range.getClientRects().length;
    })""")
    assert lines == [1] * 8


def test_the_progress_to_a_comparison_is_shown(served: PageServer, make_page: MakePage) -> None:
    """In payments; each other state of drift has its reason."""
    page = make_page(served.url)
    waiting = page.get_by_test_id("drift-waiting")
    expect(waiting).to_contain_text("no scorer answers")
    served.answer(SCORER, scorer(drift_payments=104, drift_least=500))
    expect(waiting).to_contain_text("104 of 500 payments")
    served.answer(SCORER, scorer())
    expect(waiting).to_contain_text("no history")


def test_what_is_known_without_a_scorer(served: PageServer, make_page: MakePage) -> None:
    """Versions of the records, and the lag of the group in Kafka."""
    served.answer(SCORER, scorer())
    served.add_scored(DEFAULT, 0.2, "review", challenger_version="ba9876543210", challenger_probability=0.3)
    served.lose(SCORER)
    served.measure(group_lag=1_042)
    page = make_page(served.url)
    expect(page.get_by_test_id("no-scorer")).to_be_visible()
    expect(page.get_by_test_id("model-card")).to_have_count(2)
    expect(page.get_by_test_id("model-card").first).to_contain_text(VERSION)
    expect(page.get_by_test_id("kpi-lag")).to_have_attribute("data-value", "1042")
    expect(page.locator(".tile.lag .tile-below")).to_have_text("by committed offsets")


def test_time_axes_begin_at_the_first_payment(served: PageServer, make_page: MakePage) -> None:
    """Also where the page has read 15 minutes before it; without a payment, the charts give the reason."""
    page = make_page(served.url)
    notes = page.locator(".chart-note")
    expect(notes).to_have_text(
        [
            "no payments in the last 15 minutes",
            "no scorer answers: scorers measure it",
            "no payments in the last 15 minutes",
        ]
    )
    served.add_scored(DEFAULT, 0.01, "approve")
    expect(page.get_by_test_id("chart-payments")).to_have_attribute("data-approve", "1")
    bar = page.locator("#chart-payments .mark.approve")
    left = re.match(r"M([\d.]+)", bar.get_attribute("d") or "")
    assert left is not None
    assert float(left[1]) < 60
    expect(notes.first).to_have_text("")


def test_a_refused_page_says_why(served: PageServer, make_page: MakePage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page above the limit shows the limit, not that the server is offline."""
    first = make_page(served.url)
    expect(first.get_by_test_id("banner")).to_have_attribute("data-state", "empty")
    monkeypatch.setattr(viewers, "MOST_OF_ONE", 1)
    banner = make_page(served.url).get_by_test_id("banner")
    expect(banner).to_have_attribute("data-state", "refused")
    expect(banner).to_contain_text("1 pages are open at your address, the most for one: close one.")


def test_a_search_for_anything_is_answered(served: PageServer, make_page: MakePage) -> None:
    """Text that is not an id gets an explanation; digits may be in groups. The console stays empty."""
    served.add_scored(DEFAULT, 0.2, "review")
    page = make_page(served.url)
    for text, answer in (("abc", "whole number"), ("4_712", "4712 is not among the last 1 payment,")):
        page.get_by_test_id("search").fill(text)
        page.keyboard.press("Enter")
        expect(page.locator("#search-answer")).to_contain_text(answer)
    page.get_by_test_id("search").fill("4,711")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("detail")).to_be_visible()


def test_the_latest_dead_letters_are_in_the_order_of_their_times(make_page: MakePage) -> None:
    """A history arrives partition by partition, and the table shows the newest letter first."""
    with PageServer(default_schema()) as served:
        for partition, (reason, seconds_ago) in enumerate((("empty", 20), ("tombstone", 5), ("not_an_object", 60))):
            served.add_dead(b"key", b"", reason, "", partition=partition, seconds_ago=seconds_ago)
        page = make_page(served.url)
        reasons = page.get_by_test_id("dead-row").locator(".reason")
        expect(reasons).to_have_text(["tombstone", "empty", "not_an_object"])


@pytest.mark.parametrize("probability", [0.0001, 0.9999])
def test_the_longest_probabilities_are_not_cut(served: PageServer, make_page: MakePage, probability: float) -> None:
    """The column has room for a probability next to 0 or 1, which has one more character."""
    served.add_scored(DEFAULT, probability, "block")
    node = make_page(served.url).get_by_test_id("flagged-row").locator(".probability")
    expect(node).to_have_text(re.compile(r"[<>]0\.\d{3}"))
    assert node.evaluate("node => node.scrollWidth <= node.clientWidth") is True
