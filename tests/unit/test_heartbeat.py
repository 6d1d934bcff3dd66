"""The heartbeat file, as several processes and their health checks meet it."""

from multiprocessing import get_context
from pathlib import Path

import pytest

from fraudstream.errors import SettingsError
from fraudstream.heartbeat import Heartbeat, unhealthy

_BEATS = 500


def _beat(path: Path) -> None:
    heartbeat = Heartbeat(path)
    for number in range(_BEATS):
        heartbeat.beat(f"waiting for Kafka {number % 2}")


def test_two_processes_of_one_machine_share_the_default_file(tmp_path: Path) -> None:
    """Neither takes the other's half-made file away, and none is left behind."""
    path = tmp_path / "heartbeat"
    processes = [get_context("spawn").Process(target=_beat, args=(path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert unhealthy(path) == f"waiting for Kafka {(_BEATS - 1) % 2}"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Said at the start, with the variable's name."""
    with pytest.raises(SettingsError, match=r"HEARTBEAT_FILE: the folder .* is not there"):
        Heartbeat(tmp_path / "missing" / "heartbeat")
