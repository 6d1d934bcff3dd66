"""Prometheus's settings, alert rules and the board's queries, judged by Prometheus's own tool."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.boards import expressions
from tests.missing import skip

FOLDER = Path(__file__).parents[2] / "services/prometheus"


@pytest.mark.parametrize("arguments", [("check", "config"), ("check", "rules"), ("test", "rules")], ids=" ".join)
def test_promtool_has_no_objection(arguments: tuple[str, str]) -> None:
    """Prometheus's own tool accepts the settings and the rules, and every alert fires when it must, and only then."""
    file = {"check config": "prometheus.yml", "check rules": "alerts.yml", "test rules": "alerts.test.yml"}
    _assert_no_objection(*arguments, FOLDER / file[" ".join(arguments)])


def test_promtool_can_read_the_boards_queries(tmp_path: Path) -> None:
    """Every query of the board is a valid expression: it could be a rule."""
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(expressions())]
    file = tmp_path / "board.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}), encoding="utf-8")
    _assert_no_objection("check", "rules", file)


def _assert_no_objection(command: str, kind: str, file: Path) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        skip("needs promtool, which comes with Prometheus")
    done = subprocess.run([tool, command, kind, str(file)], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
