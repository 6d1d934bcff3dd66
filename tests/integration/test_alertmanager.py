"""The way of an alert, from a rule in Prometheus to ALERT_WEBHOOK_URL."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.alerting import Alerting, alertmanager, webhook
from tests.missing import skip

ALERT = {"alert": "Proof", "expr": "vector(1)", "labels": {"severity": "critical"}, "annotations": {"action": "act"}}
RULES = {"groups": [{"name": "test", "interval": "1s", "rules": [ALERT]}]}
GROUP_WAIT_S = 10
URL = "https://example.com/hook?token=it's-a-secret"


@pytest.fixture(autouse=True)
def programs() -> None:
    """Skip the tests where a program is missing."""
    if missing := [name for name in ("prometheus", "amtool") if shutil.which(name) is None]:
        skip(f"needs {', '.join(missing)}")
    if alertmanager() is None:
        skip("needs Alertmanager")


def test_a_firing_alert_reaches_the_webhook(tmp_path: Path) -> None:
    """Prometheus finds Alertmanager where its settings name it, and the webhook receives the alert with its texts."""
    with webhook() as (url, received), Alerting(tmp_path, RULES, url):
        message = received.get(timeout=GROUP_WAIT_S + 60)
    assert message["status"] == "firing"
    (alert,) = message["alerts"]
    assert alert["labels"] == {"alertname": "Proof", "severity": "critical"}
    assert alert["annotations"] == {"action": "act"}


@pytest.mark.parametrize(("url", "integrations"), [(URL, 1), ("", 0)], ids=["webhook", "none"])
def test_a_receiver_with_and_without_a_webhook(tmp_path: Path, url: str, integrations: int) -> None:
    """Alertmanager starts in both cases; the URL is taken as it is, and only Alertmanager can read it."""
    servers = Alerting(tmp_path, RULES, url)
    try:
        servers.alertmanager.start()
    finally:
        servers.stop()
    checked = subprocess.run(
        ["amtool", "check-config", servers.configuration], capture_output=True, text=True, timeout=60, check=True
    )
    assert "1 receivers" in checked.stdout
    assert servers.configuration.read_text(encoding="utf-8").count("webhook_configs") == integrations
    assert servers.configuration.stat().st_mode & 0o077 == 0
