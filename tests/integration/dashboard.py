"""A dashboard process, its HTTP answers, and records for it."""

import json
import socket
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self

from fraudstream.payment import DECISIONS
from fraudstream.runtime.own_command import IN_COMPOSE, VARIABLE
from fraudstream.timestamps import rfc3339
from tests.integration.broker.ports import Port
from tests.integration.scorer import Message, Surroundings
from tests.integration.service import Service
from tests.scores import payment

MODEL = "0123456789ab"


class Dashboard:
    """A dashboard on a port of its own, which stays the same after a restart."""

    def __init__(self, surroundings: Surroundings, scorers: Iterable[Service] = (), **settings: str) -> None:
        self._surroundings = surroundings
        self._port = Port.reserve()
        self._settings = surroundings.settings | {
            "DASHBOARD_PORT": str(self._port.number),
            VARIABLE: IN_COMPOSE,
            "METRICS_TARGETS": ",".join(scorer.address for scorer in scorers),
            **settings,
        }
        self.url = f"http://127.0.0.1:{self._port.number}"
        self.start()

    def start(self) -> None:
        """Start the dashboard, or start it again."""
        self.service = Service(self._surroundings.folder, "dashboard", self._settings)
        host = self._settings.get("DASHBOARD_HOST", "127.0.0.1").strip("[]")
        self.service.wait_until(lambda: _listens(host, self._port.number), 60, "the page is served")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.service.__exit__(kind, error, trace)
        self._port.release()


def _listens(host: str, port: int) -> bool:
    with suppress(OSError):
        socket.create_connection((host, port), timeout=1).close()
        return True
    return False


def now(seconds_ago: int = 0) -> str:
    """Return a time as a scorer writes it."""
    return rfc3339(int(datetime.now(UTC).timestamp() * 1000) - 1000 * seconds_ago)


def snapshot(url: str) -> dict[str, Any]:
    """Return the first snapshot that a page of the dashboard at `url` gets."""
    with urllib.request.urlopen(f"{url}/events", timeout=60) as response:  # noqa: S310 - our own http URL
        assert response.readline() == b"event: snapshot\n"
        found: dict[str, Any] = json.loads(response.readline().removeprefix(b"data: "))
        return found


def total(url: str) -> int:
    """Return the number of payments of the last 15 minutes that the page of the dashboard at `url` shows."""
    series = snapshot(url)["series"]
    return sum(sum(series[decision]) for decision in DECISIONS)


def scored(number: int, scored_at: str, partition: int | None = None, **more: Any) -> Message:
    """Return a record of the scored topic, as a scorer writes it; by default in one of four partitions."""
    place = number % 4 if partition is None else partition
    value: dict[str, Any] = {
        **payment(payment_id=number, amount=1_234.5, country_risk_score=0.25, failed_logins=2, transaction_hour=23),
        "fraud_probability": 0.04,
        "decision": "approve",
        "model_version": MODEL,
        "reasons": [],
        "source_partition": place,
        "source_offset": number,
        "scored_at": scored_at,
    }
    return Message(json.dumps(value | more).encode(), key=str(number).encode(), partition=place)
