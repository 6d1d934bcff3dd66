"""The time until a freshly opened page shows a number in a browser. Skipped without Chromium or Playwright."""

import shutil
from typing import TYPE_CHECKING

from tests.browser.chromium import ARGUMENTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_LONGEST_MS = 10_000
_NOTE_WHEN = """
const look = () => {
  const rate = document.querySelector('[data-testid="kpi-rate"]');
  if (rate && /\\d/.test(rate.textContent)) document.documentElement.dataset.painted = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def paints_ms(url: str, loads: int) -> list[float]:
    """Return the times from the start of each navigation, without a cache; 10 s if there is no number until then.

    NotImplementedError, with the reason, if nothing can be measured.
    """
    executable = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NotImplementedError("Playwright is not installed") from None
    if executable is None:
        raise NotImplementedError("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        try:
            return [_paint_ms(browser, url) for _ in range(loads)]
        finally:
            browser.close()


def _paint_ms(browser: "Browser", url: str) -> float:
    from playwright.sync_api import TimeoutError as NeverError

    page = browser.new_page()  # in a context of its own
    page.add_init_script(_NOTE_WHEN)
    page.goto(url, wait_until="commit")
    try:
        painted = page.locator("html[data-painted]").get_attribute("data-painted", timeout=_LONGEST_MS)
    except NeverError:
        painted = None
    page.close()
    return float(painted or _LONGEST_MS)
