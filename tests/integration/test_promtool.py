"""Prometheus's settings and alert rules, judged by Prometheus's own tool."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.missing import skip

FOLDER = Path(__file__).parents[2] / "services/prometheus"


@pytest.mark.parametrize("arguments", [("check", "config"), ("check", "rules"), ("test", "rules")], ids=" ".join)
def test_promtool_has_no_objection(arguments: tuple[str, str]) -> None:
    """Prometheus's own tool accepts the settings and the rules, and every alert fires when it must, and only then."""
    tool = shutil.which("promtool")
    if tool is None:
        skip("needs promtool, which comes with Prometheus")
    file = {"check config": "prometheus.yml", "check rules": "alerts.yml", "test rules": "alerts.test.yml"}
    command = [tool, *arguments, str(FOLDER / file[" ".join(arguments)])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
