"""A real headless Chromium, and a dashboard for it to open."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, expect, sync_playwright

from tests.browser.chromium import ARGUMENTS
from tests.integration.conftest import surroundings
from tests.integration.dashboard import Dashboard
from tests.integration.scorer import Surroundings
from tests.missing import skip

__all__ = ["surroundings"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_NETWORKS = "net::ERR_NETWORK_CHANGED"
"""Chromium's error when another program, such as Docker, adds or removes a network of this machine."""
_STOPPED = tuple(
    f"net::ERR_{name}"
    for name in ("CONNECTION_REFUSED", "CONNECTION_RESET", "EMPTY_RESPONSE", "INCOMPLETE_CHUNKED_ENCODING")
)
"""Its errors where a test has stopped the server of an open page: the browser logs each attempt to connect."""

expect.set_options(timeout=20_000)

T = TypeVar("T")
MakePage = Callable[..., Page]


@pytest.fixture(scope="module", autouse=True)
def run_in_thread() -> Iterator[None]:
    """Run `asyncio.run` of shared helpers in another thread: Playwright's loop runs in this one."""
    original = asyncio.run

    def run(main: Coroutine[Any, Any, T]) -> T:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(original, main).result()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "run", run)
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium, the system's or Playwright's; its event loop ends with the module, so that others can run one."""
    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        path = next(filter(None, map(shutil.which, _NAMES)), str(own) if own.exists() else None)
        if path is None:
            skip("needs a browser: install chromium, or: .venv/bin/playwright install chromium")
        with playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as chromium:
            yield chromium


@contextmanager
def _watched(
    browser: Browser,
    url: str | None = None,
    *,
    width: int = 1_440,
    height: int = 900,
    may_fail: str = "",
    **options: Any,
) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    problems, hosts, changes = list[str](), set[str](), list[str]()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: _refuse(dialog, problems))
    page.on("console", lambda message: _note(message, changes if _NETWORKS in message.text else problems, may_fail))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    try:
        if url:
            page.goto(url)
        while changes:  # modules may be missing
            changes.clear()
            page.reload()
        yield page
        assert problems == []
        assert len(hosts) <= 1, hosts
    finally:
        context.close()


def _refuse(dialog: Dialog, problems: list[str]) -> None:
    problems.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _note(message: ConsoleMessage, problems: list[str], may_fail: str) -> None:
    """Note errors in the console, except those of requests that a test lets fail: `may_fail`, or a stopped server."""
    causes = [*_STOPPED, *filter(None, [may_fail])]
    if message.type == "error" and not any(cause in message.text for cause in causes):
        problems.append(message.text)


@pytest.fixture
def make_page(browser: Browser) -> Iterator[MakePage]:
    """Open pages, `make_page(url, width=390)`; none of them may log an error or contact another host.

    The browser itself logs each failed request: `may_fail="421"` admits those with this status.
    """
    with ExitStack() as stack:
        yield lambda *url, **options: stack.enter_context(_watched(browser, *url, **options))


@pytest.fixture
def dashboard(surroundings: Surroundings) -> Iterator[Dashboard]:
    """Start a dashboard of these topics, without metrics targets."""
    with Dashboard(surroundings) as running:
        yield running
