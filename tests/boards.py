"""Panels and queries of the Grafana board."""

import json
from pathlib import Path
from typing import Any

BOARD = Path(__file__).parents[1] / "services/grafana/boards/fraudstream.json"


def panels() -> list[dict[str, Any]]:
    """Return the panels of the board."""
    found: list[dict[str, Any]] = json.loads(BOARD.read_text(encoding="utf-8"))["panels"]
    return found


def queries(panel: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the queries of a panel."""
    found: list[dict[str, Any]] = panel["targets"]
    return found


def expressions() -> list[str]:
    """Return the expression of each query, with Grafana's interval replaced by one that Prometheus reads."""
    return [query["expr"].replace("$__rate_interval", "1m") for panel in panels() for query in queries(panel)]
