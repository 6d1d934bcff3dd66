"""The page of payments of different schemas: columns, details, search, decisions and secrets follow the schema."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from dashboard.exposition import Reading
from fraudstream.model.decision import Costs
from fraudstream.payment import DECISIONS
from fraudstream.payment_schema import PaymentSchema, default_schema, parse
from tests.browser.conftest import MakePage
from tests.browser.page_server import VERSION, PageServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "cards"
TOML = (EXAMPLE / "payment.toml").read_text(encoding="utf-8")
CARDS = parse(TOML, "payment.toml")
DEFAULT: dict[str, Any] = {
    "payment_id": 4_711,
    "amount": 1_234.5,
    "country_risk_score": 0.253,
    "failed_logins": 2,
    "transaction_hour": 3,
    "is_new_device": 1,
}
CARD = json.loads((EXAMPLE / "messages.jsonl").read_text(encoding="utf-8").partition("\n")[0])
SHOWN_TOKEN = "0123abcd.Zm9vYmFyYmF6cXV4-_vYg012"  # noqa: S105 - shown by the page
COSTS = {"fraud": 15.0, "review": 5.0, "wrong_block": 100.0, "min_block": 0.5}
IDS = (
    "be6662dd-9247-4b49-bb1f-132ab384b1c5",
    "..",
    ".",
    "a/b",
    "a?b#c&d=e+f",
    "100%",
    "%2F..%2f",
    "<img src=x onerror=alert(1)>",
    "\u202e\U0001f4b3 \u00e9",
    "0",
)
LONG_NAME, LONG_TEXT = "a_name_" + 50 * "x", "long " * 40
MODULE = "import(document.querySelector('link[rel=modulepreload][href*=\"/rule.js\"]').href)"
DECIDE = """async ([costs, cases]) => {
  const { limits } = await MODULE;
  return cases.map(([probability, amount]) => {
    const { review, block } = limits({ costs }, amount);
    if (block !== null && probability >= block) return 'block';
    return review !== null && probability > review ? 'review' : 'approve';
  });
}""".replace("MODULE", MODULE)


@pytest.fixture(params=[default_schema(), CARDS], ids=["default", "cards"])
def any_page(request: pytest.FixtureRequest) -> Iterator[PageServer]:
    """Serve a page of one of two schemas."""
    with PageServer(request.param) as served:
        yield served


def scorer(schema: PaymentSchema, **fields: Any) -> Reading:
    """Return the reading of a scorer with this schema."""
    layout = schema.layout
    return Reading(kind="scorer", ready=True, models=[("champion", VERSION, "curves")], layout=layout, **fields)


def facts(page: Page) -> dict[str, str]:
    """Return the fields in the opened detail: label and value."""
    expect(page.get_by_test_id("detail")).to_be_visible()
    rows = page.locator(".facts.fields > div").all()
    return {row.locator("dt").inner_text(): row.locator("dd").inner_text() for row in rows}


def search(page: Page, text: str) -> None:
    """Search for an id."""
    page.get_by_test_id("search").fill(text)
    page.keyboard.press("Enter")


def test_the_default_payment_is_shown_with_its_words(make_page: MakePage) -> None:
    """Labels, hour and flag as text; the table has the amount."""
    with PageServer(default_schema()) as served:
        served.add_scored(DEFAULT, 0.2, "review")
        page = make_page(served.url)
        row = page.get_by_test_id("flagged-row")
        expect(row.locator("td.number")).to_have_text("1,234.50")
        expect(page.locator("#flagged-amount")).to_have_text("Amount")
        row.click()
        assert facts(page) == {
            "Amount": "1,234.50",
            "Country risk score": "0.253",
            "Failed logins": "2",
            "Hour of the day": "03:00 \u2013 03:59",
            "New device": "yes",
        }
        expect(page.get_by_test_id("because")).to_have_count(0)  # no scorer has reported its rule


def test_all_fields_of_another_schema_are_shown(make_page: MakePage) -> None:
    """28 fields, nested, with a missing one; secrets are tokens, marked as such."""
    with PageServer(CARDS) as served:
        secret = {
            "customer": CARD["customer"] | {"email": SHOWN_TOKEN},
            "device": {"ip": SHOWN_TOKEN, "is_new": True, "risk": 0.087},
        }
        served.add_scored(CARD | secret, 0.2, "block")
        page = make_page(served.url)
        page.get_by_test_id("flagged-row").click()
        found = facts(page)
        assert len(found) == len(CARDS.fields) - 1
        expected = {"Amount": "29.20", "Country": "US", "Merchant category": "grocery", "Customer id": "c395"}
        expected |= {"Card is virtual": "no", "Device is new": "yes", "Device risk": "0.087", "Distance km": "\u2013"}
        assert found == found | expected
        assert page.locator(".token").all_inner_texts() == [f"◆{SHOWN_TOKEN}"] * 2
        expect(page.get_by_test_id("detail").locator("h2")).to_have_text(f"Payment {CARD['transaction_id']}")
        page.keyboard.press("Escape")
        for text, count in ((CARD["card"]["token"], 1), (CARD["merchant"]["id"], 1), ("no such", 0)):  # indexed fields
            page.get_by_test_id("flagged-filter").fill(text)
            expect(page.get_by_test_id("flagged-row")).to_have_count(count)


def test_a_schema_without_an_amount_has_no_such_column(make_page: MakePage) -> None:
    """Neither a column nor money: the thresholds decide, also where the model has costs."""
    without = parse(TOML.replace('amount = "amount"', "", 1), "payment.toml")
    with PageServer(without) as served:
        served.answer(
            "fraud-scorer-1",
            scorer(without, costs={VERSION: COSTS}, thresholds={VERSION: {"review": 0.03, "block": 0.6}}),
        )
        served.add_scored(CARD, 0.2, "review")
        page = make_page(served.url)
        row = page.get_by_test_id("flagged-row")
        expect(row.locator("td")).to_have_count(5)
        expect(page.locator("#flagged-amount")).to_be_hidden()
        row.click()
        expect(page.get_by_test_id("because")).to_have_text("Reviewed from a probability of 0.030, blocked from 0.600.")
        expect(page.get_by_test_id("detail").get_by_test_id("limits")).to_have_text(
            "▎review from 0.030▎block from 0.600"
        )


def test_any_text_id_is_found_and_linked(make_page: MakePage) -> None:
    """Typed, and by its link in another tab, whatever characters a URL gives a meaning."""
    with PageServer(CARDS) as served:
        for number, identity in enumerate(IDS):
            served.add_scored(CARD | {"transaction_id": identity, "amount": 100.25 + number}, 0.001, "approve")
        page, shared = make_page(served.url), make_page(served.url)
        for number, identity in enumerate(IDS):
            search(page, identity)
            assert facts(page)["Amount"] == f"{100.25 + number}"
            shared.goto("about:blank")
            shared.goto(page.url)
            assert facts(shared)["Amount"] == f"{100.25 + number}"
            page.keyboard.press("Escape")
        search(page, "another")
        answer = page.locator("#search-answer")
        expect(answer).to_contain_text(f"another is not among the last {len(IDS)} payments")
        page.evaluate("location.hash = '#payment=' + 'x'.repeat(37)")
        expect(answer).to_have_text("A payment id is a text of 1 to 36 characters.")
        page.evaluate("location.hash = '#payment=' + 'x'.repeat(4000)")
        expect(answer).to_have_text("This id is too long for the search.")


def test_a_decision_is_explained_in_money(make_page: MakePage) -> None:
    """The text and the ticks are those of the payment's amount and of the model that decided."""
    with PageServer(default_schema()) as served:
        served.answer("fraud-scorer-1", scorer(default_schema(), costs={VERSION: COSTS}))
        served.add_scored(DEFAULT | {"amount": 118.0}, 0.0625, "review")
        served.add_scored(DEFAULT | {"payment_id": 2}, 0.9, "block", model_version="of-another")
        page = make_page(served.url)
        page.locator('[data-payment-id="4711"]').click()
        because = page.get_by_test_id("because")
        expect(because).to_have_text("Expected loss 8.31, a review costs 5, a block is expected to cost 93.75.")
        expect(page.get_by_test_id("detail").get_by_test_id("limits")).to_have_text(
            "▎review from 0.038▎block from 0.950"
        )
        ticks = (
            page.get_by_test_id("detail").locator(".tick").evaluate_all("nodes => nodes.map((node) => node.style.left)")
        )
        assert [float(tick.rstrip("%")) for tick in ticks] == pytest.approx([500 / 133, 95.0], abs=0.01)
        page.keyboard.press("Escape")
        page.locator('[data-payment-id="2"]').click()
        expect(because).to_have_count(0)


def test_ticks_are_where_decisions_change(make_page: MakePage) -> None:
    """The page's limits decide like the scorer, for any costs, amounts and probabilities."""
    rng = random.Random(17)  # repeatable
    with PageServer(default_schema()) as served:
        page = make_page(served.url)
        for _ in range(30):
            costs = {
                "fraud": rng.choice([0.0, 15.0]),
                "review": rng.uniform(0.5, 50),
                "wrong_block": rng.uniform(1, 200),
                "min_block": rng.choice([0.0, 0.5, 0.9, 1.0]),
            }
            cases = [(round(rng.uniform(1e-6, 1 - 1e-6), 6), round(10 ** rng.uniform(-2, 5), 2)) for _ in range(300)]
            probabilities, amounts = (np.array(column) for column in zip(*cases, strict=True))
            expected = [DECISIONS[number] for number in Costs(**costs).decide(probabilities, amounts)]
            assert page.evaluate(DECIDE, [costs, cases]) == expected, costs


def test_services_of_different_schemas_are_an_error(make_page: MakePage) -> None:
    """The notice names the service and both layouts, and vanishes once they agree."""
    with PageServer(CARDS) as served:
        served.answer("fraud-scorer-1", scorer(CARDS))
        page = make_page(served.url)
        notice = page.get_by_test_id("other-layouts")
        expect(page.get_by_test_id("banner")).to_have_attribute("data-state", "empty")
        expect(notice).to_be_hidden()
        served.answer("fraud-scorer-2", scorer(default_schema()))
        expect(notice).to_contain_text(
            f"this page has layout {CARDS.layout}, fraud-scorer-2 has {default_schema().layout}"
        )
        served.answer("fraud-scorer-2", scorer(CARDS))
        expect(notice).to_be_hidden()


def test_a_dead_letter_of_a_schema_with_secrets_is_masked(make_page: MakePage) -> None:
    """Reason, detail and size are shown, and the command that shows the rest; no value is anywhere in the page."""
    with PageServer(CARDS) as served:
        served.add_dead(b"4111111111111111", b'{"email":"anna@example.com"}', "missing_field", "amount: Field required")
        page = make_page(served.url)
        page.get_by_test_id("dead-row").click()
        detail = page.get_by_test_id("detail")
        for text in ("missing_field", "amount: Field required", "28 B", "./fraudstream dlq show payments/0/17 --raw"):
            expect(detail).to_contain_text(text)
        content = page.content()
        assert "4111111111111111" not in content
        assert "anna@" not in content


def test_a_dead_letter_has_its_place_and_the_command_that_exports_it(make_page: MakePage) -> None:
    """The table and the detail name the letter as the commands do."""
    with PageServer(default_schema()) as served:
        served.add_dead(b"key", b"{}", "missing_field", "amount: Field required")
        page = make_page(served.url)
        row = page.get_by_test_id("dead-row")
        expect(row.locator(".place")).to_have_text("payments/0/17")
        row.click()
        command = page.get_by_test_id("detail").get_by_test_id("command")
        expect(command).to_have_text("./fraudstream dlq export payments/0/17 --out outputs/letters.jsonl")


def test_without_compose_the_page_suggests_no_command_of_compose(make_page: MakePage) -> None:
    """An empty page shows none, and a dead letter's command is that of the user's own command line."""
    with PageServer(default_schema(), command=".venv/bin/fraudstream") as served:
        page = make_page(served.url)
        banner = page.get_by_test_id("banner")
        expect(banner).to_contain_text("No payments yet")
        expect(banner).not_to_contain_text("docker")
        served.add_dead(b"key", b"{}", "missing_field", "amount: Field required")
        page.get_by_test_id("dead-row").click()
        command = page.get_by_test_id("detail").get_by_test_id("command")
        expect(command).to_have_text(".venv/bin/fraudstream dlq export payments/0/17 --out outputs/letters.jsonl")


@pytest.mark.parametrize("width", [390, 1_440])
def test_long_names_and_texts_keep_the_layout(make_page: MakePage, width: int) -> None:
    """Nothing is wider than the page or takes a second line; the whole text is in a title."""
    schema = parse(f'{TOML}\n[fields.{LONG_NAME}]\ntype = "text"\nmax_length = 4096\n', "payment.toml")
    with PageServer(schema) as served:
        served.answer("fraud-scorer-1", scorer(schema, costs={VERSION: COSTS}))
        served.add_scored(CARD | {LONG_NAME: LONG_TEXT, "card": CARD["card"] | {"brand": 64 * "w"}}, 0.2, "block")
        page = make_page(served.url, width=width)
        page.get_by_test_id("flagged-row").click()
        value = page.locator(".facts.fields dd span").last
        assert value.get_attribute("title") == LONG_TEXT
        heights = page.locator(".facts.fields > div").evaluate_all("nodes => nodes.map((node) => node.offsetHeight)")
        assert len(heights) == len(schema.fields) - 1
        assert len({*heights}) == 1
        parts = "[...document.querySelectorAll('dialog, main, #detail-title')]"
        assert page.evaluate(f"{parts}.every((node) => node.scrollWidth <= node.clientWidth)") is True
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth") is True


def test_any_page_lists_its_drift(any_page: PageServer, make_page: MakePage) -> None:
    """Each feature and the score have a row, those that drift first if there are many."""
    names = [*(field.name for field in any_page.schema.features), "fraud_probability"]
    psi = {name: 0.01 * number for number, name in enumerate(names)}
    drift = {"psi": psi, "limit": dict.fromkeys(names, 0.1), "drifting": {name: psi[name] > 0.1 for name in names}}
    any_page.answer("fraud-scorer-1", scorer(any_page.schema, **drift))
    page = make_page(any_page.url)
    rows = page.get_by_test_id("drift-row")
    expect(rows).to_have_count(len(names))
    shown = rows.evaluate_all("nodes => nodes.map((node) => node.dataset.field)")
    assert shown == (names if len(names) <= 6 else list(reversed(names)))
