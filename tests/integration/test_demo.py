"""The demo, whose services are processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.unit.test_pins import Scene


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
