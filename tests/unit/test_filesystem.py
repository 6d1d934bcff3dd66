"""The check of file locks, and file systems without reliable locks."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from fraudstream.csv_file.lock import FileLock
from fraudstream.errors import LockUnreliableError
from fraudstream.runtime.regular_files import sync_folder
from scorer import filesystem
from scorer.filesystem import doubtful, prove_lock


def test_a_lock_that_holds_is_proven(tmp_path: Path) -> None:
    """Two processes exclude each other here, and only the lock file remains."""
    path = tmp_path / ".lock"
    prove_lock(FileLock(path, 1), path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_that_does_not_hold_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that excludes no other process is an error."""
    path = tmp_path / ".lock"
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    with pytest.raises(LockUnreliableError, match="CSV_PATH"):
        prove_lock(FileLock(path, 1), path)


def test_a_network_file_system_is_doubted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deepest mount counts."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 0:1 / / rw - ext4 /dev/sda rw\n"
        f"2 1 0:2 / {tmp_path / 'net'} rw shared:1 - nfs4 server:/x rw\n"
        f"3 1 0:3 / {tmp_path / 'local'} rw - xfs /dev/sdb rw\n"
    )
    monkeypatch.setattr(filesystem, "_MOUNTS", mounts)
    assert doubtful(tmp_path / "net" / "outputs") == "nfs4"
    assert doubtful(tmp_path / "local") is None
    assert doubtful(tmp_path) is None


def test_without_a_list_of_mounts_nothing_is_doubted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a list of mounts, as on macOS, only the check by two processes counts."""
    monkeypatch.setattr(filesystem, "_MOUNTS", tmp_path / "absent")
    assert doubtful(tmp_path) is None


@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_folder_is_synced_where_the_mount_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A mount that can't open or sync folders is accepted; a failing disk is an error."""
    number = errno.EISDIR if call == "open" else errno.EINVAL

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    sync_folder(tmp_path)
    monkeypatch.setattr(os, call, fail)
    sync_folder(tmp_path)
    number = errno.EIO
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        sync_folder(tmp_path)
