"""The heartbeat file, shared by several processes and their health checks."""

import os
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from fraudstream.runtime.heartbeat import Heartbeat, unhealthy

_BEATS = 500


def _beat(path: Path) -> None:
    heartbeat = Heartbeat(path)
    for number in range(_BEATS):
        heartbeat.beat(f"waiting for Kafka {number % 2}")


def test_two_processes_of_one_machine_share_the_default_file(tmp_path: Path) -> None:
    """Neither process removes the other's temporary file, and none remains."""
    path = tmp_path / "heartbeat"
    processes = [get_context("spawn").Process(target=_beat, args=(path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert unhealthy(path) == f"waiting for Kafka {(_BEATS - 1) % 2}"
    assert list(tmp_path.iterdir()) == [path]


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir, _endless])
def test_a_health_check_does_not_wait(tmp_path: Path, put: Callable[[Path], None]) -> None:
    """The check waits neither for a writer of a FIFO nor for the end of a device; it exits with 1."""
    path = tmp_path / "heartbeat"
    put(path)
    done = subprocess.run(
        [sys.executable, "-m", "fraudstream.runtime.heartbeat"],
        env=os.environ | {"HEARTBEAT_FILE": str(path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "HEARTBEAT_FILE" in done.stdout
    assert done.stderr == ""
