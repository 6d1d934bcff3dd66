"""The Grafana board: every series and label that it shows exists, and each panel shows something."""

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.boards import BOARD, panels, queries
from tests.series import PROMETHEUS_ITSELF, exposed, filters, label_values, selected

SERVICES = Path(__file__).parents[2] / "services"
PROVISIONING = SERVICES / "grafana/provisioning"
BY_PROMETHEUS = {"job", "instance", "alertname", "alertstate", "severity"}
FIRING = {("ALERTS", "alertstate", "firing")}
QUERIES = [pytest.param(query, id=f"{panel['id']}{query['refId']}") for panel in panels() for query in queries(panel)]


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


RECORDED = {
    rule["record"]
    for group in _load(SERVICES / "prometheus/alerts.yml")["groups"]
    for rule in group["rules"]
    if "record" in rule
}


def _grouped(expression: str) -> set[str]:
    """Return the labels that the series of *expression* keep."""
    return {label for found in re.findall(r"\bby\s*\(([^)]*)\)", expression) for label in re.split(r",\s*", found)}


@pytest.mark.parametrize("query", QUERIES)
def test_series_of_the_board_exist(query: dict[str, Any]) -> None:
    """A query selects series of a service, of Prometheus, or recorded ones, by labels and values that they have."""
    names = {name for name in selected(query["expr"]) if not PROMETHEUS_ITSELF.fullmatch(name)}
    assert names or selected(query["expr"])
    shown = exposed()
    assert names <= shown.keys() | RECORDED
    assert set(filters(query["expr"])) <= label_values() | FIRING
    assert _grouped(query["expr"]) <= {label for name in names & shown.keys() for label in shown[name]} | BY_PROMETHEUS


@pytest.mark.parametrize("query", QUERIES)
def test_legends_name_labels_of_the_result(query: dict[str, Any]) -> None:
    """A legend names only labels that the result of its query has."""
    assert set(re.findall(r"\{\{(\w+)\}\}", query["legendFormat"])) <= _grouped(query["expr"])


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_is_complete(panel: dict[str, Any]) -> None:
    """It reads the provisioned data source, has a unit, and distinct legends; a table's columns are in its result."""
    source = _load(PROVISIONING / "datasources/prometheus.yml")["datasources"][0]
    assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
    assert panel["fieldConfig"]["defaults"]["unit"]
    legends = [query["legendFormat"] for query in queries(panel)]
    assert len(set(legends)) == len(legends) > 0
    for change in panel.get("transformations", []):
        assert set(change["options"]["include"]["names"]) == _grouped(queries(panel)[0]["expr"])


def test_panels_do_not_overlap() -> None:
    """Each has its own number and its own place on the 24 columns."""
    assert len({panel["id"] for panel in panels()}) == len(panels()) > 15
    places = [panel["gridPos"] for panel in panels()]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


def test_compose_provides_the_board() -> None:
    """Compose mounts the folders that Grafana's settings and the provisioning name, and no visitor can log in."""
    compose = (SERVICES.parent / "docker-compose.yml").read_text(encoding="utf-8")
    grafana = yaml.safe_load(compose)["services"]["grafana"]
    mounts = dict(volume.removesuffix(":ro").split(":") for volume in grafana["volumes"])
    mounted = {target: SERVICES.parent / source for source, target in mounts.items()}
    assert mounted["/etc/grafana/provisioning"] == PROVISIONING
    (provider,) = _load(PROVISIONING / "dashboards/boards.yml")["providers"]
    assert mounted[provider["options"]["path"]] == BOARD.parent
    settings = grafana["environment"]
    assert settings["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{provider['options']['path']}/{BOARD.name}"
    assert settings["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert settings["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == settings["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert settings["GF_AUTH_BASIC_ENABLED"] == "false"
