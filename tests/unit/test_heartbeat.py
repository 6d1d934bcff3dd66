"""The heartbeat file, shared by several processes and their health checks."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from fraudstream.errors import SettingsError
from fraudstream.runtime.heartbeat import READY, Heartbeat, Status, unhealthy

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
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert unhealthy(path) == f"waiting for Kafka {(_BEATS - 1) % 2}"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("status", "content", "problem"),
    [
        (READY, "ready", None),
        (Status(ready=True, reason="model refused: x; y"), "ready; model refused: x; y", None),
        (Status(ready=False, reason="no disk; retrying"), "no disk; retrying", "no disk; retrying"),
        ("joining", "joining", "joining"),
    ],
)
def test_a_status_is_read_as_it_was_written(
    tmp_path: Path, status: Status | str, content: str, problem: str | None
) -> None:
    """A remark does not make a service unhealthy."""
    path = tmp_path / "heartbeat"
    Heartbeat(path).beat(status)
    assert (path.read_text(), unhealthy(path)) == (content, problem)
    if isinstance(status, Status):
        assert Status.parse(content) == status


def test_a_missing_folder(tmp_path: Path) -> None:
    """A missing folder is reported at the start, with the variable's name."""
    with pytest.raises(SettingsError, match=r"HEARTBEAT_FILE: the folder .* does not exist"):
        Heartbeat(tmp_path / "missing" / "heartbeat")


def test_planted_links_are_not_followed(tmp_path: Path) -> None:
    """A link is followed neither in place of the file nor of its temporary file, and the health check refuses one."""
    victim, path = tmp_path / "victim", tmp_path / "heartbeat"
    victim.write_text("ready")
    path.symlink_to(victim)
    assert "a symbolic link" in (unhealthy(path) or "")
    path.with_name(f"{path.name}.{os.getpid()}.part").symlink_to(victim)
    heartbeat = Heartbeat(path)
    for state in ("waiting", "ready"):
        heartbeat.beat(state)
    assert unhealthy(path) is None
    assert victim.read_text() == "ready"
    assert path.stat().st_mode & 0o777 == 0o644
    path.unlink()
    path.symlink_to(victim)
    heartbeat.beat("waiting again")
    assert (victim.read_text(), unhealthy(path)) == ("ready", "waiting again")


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
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert "HEARTBEAT_FILE" in done.stdout
    assert done.stderr == ""


def test_output_of_a_health_check_moves_no_cursor(tmp_path: Path) -> None:
    """The file may have been written by another user."""
    path = tmp_path / "heartbeat"
    path.write_bytes(b"\x1b[2Jno\xff\x9b\n" + 10_000 * b"x")
    reason = unhealthy(path)
    assert reason is not None
    assert reason.isprintable()
    assert len(reason) < 5_000


def test_another_users_file_is_an_error_at_the_start() -> None:
    """In a folder such as /tmp the file can't be replaced; the message names the variable."""
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("needs root, to be two users; in CI this is a failure")
        pytest.skip("needs root, to be two users")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o1777)
        path = folder / "heartbeat"
        path.write_text("ready")
        os.seteuid(12345)
        try:
            with pytest.raises(SettingsError, match=r"HEARTBEAT_FILE: .* can't be replaced"):
                Heartbeat(path)
        finally:
            os.seteuid(0)
