"""The page and Prometheus in the stack: both find every replica on their own. After the stream's own tests."""

import json
import re
import urllib.request
from typing import Any
from urllib.parse import urlencode

from tests.boards import expressions
from tests.e2e.compose import Stack
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import snapshot

REPLICAS, PARTITIONS = 4, 6
WATCHED = ("producer", "archiver", "dashboard", "prometheus")
MAY_BE_EMPTY = {  # without dead letters, alerts or a limit of the reviewers
    "sum by (reason) (rate(fraudstream_dead_letters_total[1m])) > 0",
    "count by (alertname, severity, alertstate) (ALERTS)",
    "fraudstream:review_capacity:max",
}
OURS = ("scorer", "producer", "dashboard", "archiver")
MEGABYTES = {"KiB": 2**10 / 1e6, "MiB": 2**20 / 1e6, "GiB": 2**30 / 1e6}


def test_the_page_shows_every_replica(stack: Stack) -> None:
    """Four scorers are found by their name in the network; they own all partitions, and their scores are shown."""
    stack.up("--scale", f"scorer={REPLICAS}", PAYMENTS_PER_SECOND="50")
    names = re.compile(r".*-scorer-\d")  # an address is shown until the network resolves the name
    wait_until(lambda: sum(bool(names.fullmatch(one["name"])) for one in _scorers(stack)) == REPLICAS, 60, "four")
    wait_until(lambda: sum(snapshot(stack.page)["series"]["approve"]) > 100, 60, "payments are shown")
    shown = snapshot(stack.page)
    assert shown["kafka"]["state"] == "reading"
    assert [model["role"] for model in shown["models"]] == ["champion"]
    with urllib.request.urlopen(stack.page, timeout=10) as response:  # noqa: S310 - our own http URL
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def test_prometheus_finds_them_and_has_its_rules(stack: Stack) -> None:
    """With the profile, each replica is a target that is up; every rule is loaded and can be evaluated."""
    load = {"PAYMENTS_PER_SECOND": "50"}
    stack.up("--scale", f"scorer={REPLICAS}", *WATCHED, profile="monitoring", **load)
    wanted = sorted(["scorer"] * REPLICAS + ["producer", "dashboard", "archiver", "prometheus"])
    wait_until(lambda: _up(stack) == wanted, 60, f"targets are up: {wanted}")
    groups = _ask(f"{stack.prometheus}/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 15
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []


def test_the_boards_queries_have_results(stack: Stack) -> None:
    """Prometheus evaluates each query of the Grafana board; those of payments, services and archive have a result."""
    stack.up(*WATCHED, profile="monitoring", PAYMENTS_PER_SECOND="50")
    wait_until(lambda: _without_result(stack) <= MAY_BE_EMPTY, 90, "each query has a result")


def test_memory_of_our_services(stack: Stack) -> None:
    """One of each service, at the default pace, needs at most 600 MB, not counting ZooKeeper and Kafka."""
    stack.up("--scale", "scorer=1")
    kinds = ["archiver", "producer", "scorer"]
    wait_until(lambda: sorted(_ready(stack)) == kinds, 60, f"shown ready: {kinds}")
    stats = stack.compose("stats", "--no-stream", "--format", "json").splitlines()
    used = {one["Name"]: _megabytes(one["MemUsage"].partition(" ")[0]) for one in map(json.loads, stats)}
    ours = {name: size for name, size in used.items() if any(f"-{service}-" in name for service in OURS)}
    assert len(ours) == len(OURS)
    assert sum(ours.values()) <= 600, ours


def _without_result(stack: Stack) -> set[str]:
    """Return the queries of the board that select nothing now."""
    urls = {query: f"{stack.prometheus}/api/v1/query?{urlencode({'query': query})}" for query in expressions()}
    return {query for query, url in urls.items() if not _ask(url)["data"].get("result")}


def _ready(stack: Stack) -> list[str]:
    """Return the kind of each replica that the page shows ready."""
    return [replica["kind"] for replica in snapshot(stack.page)["replicas"] if replica["state"] == "ready"]


def _scorers(stack: Stack) -> list[dict[str, Any]]:
    """Return the scorers that the page shows ready, if they own all partitions and each only once."""
    scorers = [one for one in snapshot(stack.page)["replicas"] if one["kind"] == "scorer" and one["state"] == "ready"]
    held = [place["partition"] for one in scorers for place in one["partitions"] if place["ready"]]
    return scorers if sorted(held) == list(range(PARTITIONS)) else []


def _up(stack: Stack) -> list[str]:
    """Return the job of each target that is up."""
    targets = _ask(f"{stack.prometheus}/api/v1/targets?state=active")["data"]["activeTargets"]
    return sorted(target["labels"]["job"] for target in targets if target["health"] == "up")


def _ask(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - our own http URL
            found: dict[str, Any] = json.load(response)
            return found
    except OSError:
        return {"data": {"activeTargets": [], "groups": []}}


def _megabytes(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]
    return float(number) * MEGABYTES[unit]
