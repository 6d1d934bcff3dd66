"""The line with the address of the page."""

import asyncio
from unittest.mock import MagicMock

import pytest
from structlog.testing import capture_logs

from dashboard import announcement
from dashboard.announcement import announce
from dashboard.exposition import Kind, Reading
from dashboard.replicas import Answer, Replicas


def replicas(kind: Kind, *, ready: bool) -> Replicas:
    """Return the replicas after an answer of one service."""
    found = Replicas()
    found.update("one:9400", {"10.0.0.1:9400": Answer("one", Reading(kind=kind, ready=ready))}, 0.0)
    return found


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://[::]:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_address_can_be_opened(address: str, shown: str) -> None:
    """A container listens on all its addresses; its port is published to the host's own."""
    with capture_logs() as lines:
        asyncio.run(announce(address, Replicas(), waits=False))
    assert lines == [{"event": "dashboard ready", "log_level": "info", "url": shown}]


def test_it_waits_for_a_scorer(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other service, and no scorer that is not ready, ends the wait."""
    states = [replicas("producer", ready=True), replicas("scorer", ready=False), replicas("scorer", ready=True)]
    assert [one.scorer_ready for one in states] == [False, False, True]
    seen, checks = MagicMock(scorer_ready=False), []

    async def sleep(_: float) -> None:
        checks.append(len(lines))
        seen.scorer_ready = len(checks) == 3

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with capture_logs() as lines:
        asyncio.run(announce("http://127.0.0.1:8080", seen, waits=True))
    assert (checks, len(lines)) == ([0, 0, 0], 1)


def test_it_waits_for_two_minutes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows why no scorer is ready."""
    monkeypatch.setattr(announcement, "_MOST_CHECKS", 0)
    with capture_logs() as lines:
        asyncio.run(announce("http://127.0.0.1:8080", Replicas(), waits=True))
    assert len(lines) == 1
