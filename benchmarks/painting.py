"""How long a browser needs until a freshly opened page shows a number. Without Chromium or Playwright: not at all."""

import shutil

_CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
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
    """From the start of each navigation; each in a browser context of its own, so nothing is cached.

    NotImplementedError, with the reason, where nothing can be measured.
    """
    executable = shutil.which("chromium")
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise NotImplementedError("no Playwright") from None
    if executable is None:
        raise NotImplementedError("no Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=_CHROMIUM)
        found = []
        try:
            for _ in range(loads):
                page = browser.new_context().new_page()
                page.add_init_script(_NOTE_WHEN)
                page.goto(url, wait_until="commit")
                painted = page.locator("html[data-painted]").get_attribute("data-painted", timeout=_LONGEST_MS)
                found.append(float(painted or "nan"))
                page.context.close()
        except Error as error:
            raise NotImplementedError(f"no number on the page: {error.message.splitlines()[0]}") from None
        finally:
            browser.close()
    return found
