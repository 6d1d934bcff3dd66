"""The demo, whose services are processes of their own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from demo.service_settings import CSV
from tests.integration.broker.ports import Port
from tests.integration.dashboard import snapshot, total
from tests.integration.service import Service
from tests.oracle import row_count
from tests.unit.test_pins import Scene
from trainer import make_data

_HISTORY_ROWS = 2_000
_START_S, _STOP_S = 120, 60
_ENOUGH_ROWS = 800
"""Three quarters of a minute at the demo's pace; drift is compared from 500 payments on."""
_PANELS = ("scores", "dead_reasons", "models", "rules", "replicas", "drift", "flagged", "dead_letters")


def test_a_planted_pickle_does_not_run(tmp_path: Path) -> None:
    """The demo ends with one line that names the variable."""
    scene = Scene(tmp_path)
    scene.plant()
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        env=os.environ | scene.env | {"PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert not scene.trace.exists()
    assert "MODEL_SHA256" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@contextmanager
def running_demo(folder: Path) -> Iterator[Service]:
    """Run the demo as a newcomer starts it, in an empty folder with a short history; stop it and its services."""
    make_data.write(folder / "data" / "historical_payments.csv", rows=_HISTORY_ROWS)
    port = Port.reserve()
    settings = {"DASHBOARD_PORT": str(port.number), "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        with Service(folder, "demo", settings) as demo:
            try:
                yield demo
            finally:
                demo.terminate()
                demo.wait(_STOP_S)
    finally:
        port.release()


def medians_ms(output: str) -> list[float]:
    """Return the median latency of each second in the scorer's log."""
    lines = [line.partition(" | ")[2] for line in output.splitlines() if line.startswith("scorer ")]
    return [entry["p50_ms"] for entry in map(json.loads, lines) if entry["event"] == "payments scored"]


def test_the_demo_as_a_newcomer_starts_it(tmp_path: Path) -> None:
    """All payments are scored, some are dead letters, the page keeps up, and the latency does not grow."""
    with running_demo(tmp_path) as demo:
        demo.wait_until(lambda: ">>> the page: " in demo.output, _START_S, "the page")
        assert "20 payments per second, 1 % of them malformed" in demo.output
        found = re.search(r">>> the page: (\S+)", demo.output)
        assert found is not None
        demo.wait_until(lambda: row_count(tmp_path / CSV) >= _ENOUGH_ROWS, _START_S, "enough payments")
        enough = row_count(tmp_path / CSV)
        demo.wait_until(lambda: total(found[1]) >= enough, 60, "all of them on the page")
        demo.wait_until(lambda: all(map(snapshot(found[1]).get, _PANELS)), 60, "data in all panels")
        assert all(payment["reasons"] for payment in snapshot(found[1])["flagged"])
    medians = medians_ms(demo.output)
    assert len(medians) >= 30
    assert median(medians[-20:]) <= 3 * median(medians[:10]) + 50
    counted = {name: int(count) for name, count in re.findall(r"^  (\w.*?) +(\d+)  ", demo.output, re.MULTILINE)}
    assert counted.keys() == {"sent", "scored", "dead letters"}
    assert counted["sent"] == counted["scored"] + counted["dead letters"]
    assert counted["scored"] == row_count(tmp_path / CSV)
    assert counted["dead letters"] > 0
