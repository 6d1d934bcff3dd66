"""The address of a process that listens on any free port, read from its log."""

import json
from pathlib import Path

from tests.integration.broker.deadline import wait_until

_LOGGED_S = 60.0


def address(log: Path, event: str) -> str:
    """Return the URL that comes with `event`, once it is logged; TimeoutError if it never is."""
    wait_until(lambda: bool(_urls(log, event)), _LOGGED_S, f"{log.name}: {event}")
    return _urls(log, event)[0]


def _urls(log: Path, event: str) -> list[str]:
    lines = [line for line in log.read_text(encoding="utf-8").split("\n")[:-1] if line.startswith("{")]
    return [line["url"] for line in map(json.loads, lines) if line["event"] == event]
