"""Alert rules: every series that they select exists, and each has tests for both outcomes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.series import PROMETHEUS_ITSELF, SERVICES, exposed, filters, label_values, selected

FOLDER = Path(__file__).parents[2] / "services/prometheus"
TEXTS = {"summary", "description", "action"}


def _load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((FOLDER / name).read_text(encoding="utf-8"), yaml.CSafeLoader)
    return loaded


RULES: list[dict[str, Any]] = [rule for group in _load("alerts.yml")["groups"] for rule in group["rules"]]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
TESTS: list[dict[str, Any]] = _load("alerts.test.yml")["tests"]
JOBS = {job["job_name"] for job in _load("prometheus.yml")["scrape_configs"]}


def _asserted(test: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Return each alert that a promtool test names, and whether it is expected to fire."""
    for case in test.get("alert_rule_test", []):
        yield case["alertname"], bool(case.get("exp_alerts"))


FIRING = {name for test in TESTS for name, fires in _asserted(test) if fires}
SILENT = {  # throughout, not only until it fires
    name
    for test in TESTS
    for name, _ in _asserted(test)
    if test["name"].startswith("silent: ") and (name, True) not in set(_asserted(test))
}


def test_names_are_found_in_an_expression() -> None:
    """Functions, labels, durations and quoted text are not taken for series."""
    expression = 'sum by (le) (rate(a_bucket{b="c d"}[5m])) / on (e) f:g:h > 2 * 1e3 and max_over_time(i[2m] offset 4m)'
    assert selected(expression) == {"a_bucket", "f:g:h", "i"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_series_in_rules_exist(rule: dict[str, Any]) -> None:
    """A rule selects series of a service, of Prometheus, or recorded ones: with any other, it would never fire."""
    names = selected(rule["expr"])
    assert names
    assert {name for name in names if not PROMETHEUS_ITSELF.fullmatch(name)} <= exposed().keys() | RECORDED


def test_recorded_series_are_used() -> None:
    """Every recorded series is used by an alert or by another recorded one."""
    assert set.union(*(selected(rule["expr"]) for rule in RULES)) >= RECORDED


def test_labels_in_rules_exist() -> None:
    """Label values in rules exist: one that no service exposes would select nothing, or exclude nothing."""
    named = [each for rule in RULES for each in filters(rule["expr"])]
    assert {value for _, label, value in named if label == "job"} <= JOBS
    assert {each for each in named if each[1] != "job"} <= label_values()


def test_every_service_is_scraped() -> None:
    """Every service is scraped under its own name, which is also the name of the Compose service."""
    assert SERVICES.keys() | {"prometheus"} == JOBS


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_remedy(name: str) -> None:
    """Every alert has a severity, a summary and a remedy, and a delay before it notifies a user."""
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert alert["annotations"].keys() == TEXTS
    assert all(alert["annotations"].values())
    assert alert["for"]


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_tested_for_both_outcomes(name: str) -> None:
    """Every alert has a test in which it fires, and one without a problem in which it never does."""
    assert name in FIRING
    assert name in SILENT


def test_the_readme_lists_every_alert() -> None:
    """The README's table lists every alert once."""
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+)`", readme, flags=re.MULTILINE)) == sorted(ALERTS)
