"""The report on a model in a browser: it fits telephones and large screens, and follows the reader's colour scheme."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from fraudstream.runtime.settings import TrainingSettings
from tests.default_payment import SCHEMA
from trainer import history, make_data, train
from trainer.report import files

_TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter((one) =>
  !one.closest(".wide") && one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5
).map((one) => one.outerHTML.slice(0, 80))"""
_SMALL = """() => [...document.querySelectorAll("svg text")].filter((one) =>
  one.getBoundingClientRect().height < 11
).length"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train on 1,000 simulated payments, and return the report."""
    folder = tmp_path_factory.mktemp("report")
    make_data.write(folder / "history.csv", rows=1_000, seed=1)
    past = history.read(folder / "history.csv", SCHEMA)
    train.train(past, TrainingSettings.from_env({"CURRENCY": "EUR"}), folder)
    return folder / files.PAGE


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1_440])
def test_the_report_fits(browser: Browser, report: Path, width: int, scheme: Literal["light", "dark"]) -> None:
    """Only tables scroll sideways, texts in charts are large enough, and the background is light or dark."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.goto(report.as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text("Fraud model")
    expect(page.get_by_text("saved per 1,000 payments")).to_be_in_viewport(ratio=0.5)
    expect(page.get_by_role("img")).to_have_count(5 + 6)
    page.locator("summary").first.click()
    expect(page.get_by_role("table", name="Importance of all fields")).to_be_visible()
    assert page.evaluate(_TOO_WIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(_SMALL) == 0
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(244, 245, 247)", "dark": "rgb(14, 18, 23)"}[scheme]
    assert problems == []
    context.close()
