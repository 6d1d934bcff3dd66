"""The heartbeat file, as it is written, read and protected."""

import os
import tempfile
from pathlib import Path

import pytest

from fraudstream.errors import SettingsError
from fraudstream.runtime.heartbeat import READY, Heartbeat, Status, unhealthy


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
