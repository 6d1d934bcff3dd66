"""Checks of the CSV's folder: its locks, and its file system."""

import subprocess
import sys
from pathlib import Path

from fraudstream.csv_file.lock import FileLock
from fraudstream.errors import LockUnreliableError

_MOUNTS = Path("/proc/self/mountinfo")
_LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "overlay", "tmpfs", "apfs", "hfs"}
# mounts of Docker Desktop: all its containers run in one virtual machine, and share its locks
_DOCKER_DESKTOP = {"virtiofs", "fakeowner", "9p", "fuse.grpcfuse"}
_ANSWER_TIMEOUT_S = 20
_OTHER_PROCESS = """
import fcntl, sys, time
def may_lock(file):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True
with open(sys.argv[1], "r+") as file:
    print("free" if may_lock(file) else "busy", flush=True)
    sys.stdin.readline()
    deadline = time.monotonic() + 10
    while not may_lock(file) and time.monotonic() < deadline:
        time.sleep(0.01)
    print("free" if time.monotonic() < deadline else "busy", flush=True)
"""


def prove_lock(lock: FileLock, path: Path) -> None:
    """Check that another process can't take `lock`, whose file is `path`, while it is held, but can after its release.

    Raises LockUnreliableError if one of the two fails, OSError if the folder can't be written.
    """
    with lock.held():
        other = _other_process(path)
        assert other.stdout is not None  # noqa: S101 - a pipe
        while_locked = other.stdout.readline().strip()
    after, _ = other.communicate("\n", timeout=_ANSWER_TIMEOUT_S)
    if (while_locked, after.strip()) != ("busy", "free"):
        raise LockUnreliableError(
            f"CSV_PATH: {path.parent} is on a file system whose locks don't work between processes: "
            "put the CSV on a local disk or a named volume"
        )


def doubtful(folder: Path) -> str | None:
    """Return the folder's file system, None if it is unknown or known to share locks among all that mount it."""
    kind = _file_system(folder)
    return None if kind is None or kind in _LOCAL | _DOCKER_DESKTOP else kind


def _other_process(probe: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-S", "-c", _OTHER_PROCESS, str(probe)]
    return subprocess.Popen(  # noqa: S603 - constant command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def _file_system(folder: Path) -> str | None:
    if not _MOUNTS.exists():
        return None
    location, best, kind = folder.resolve(), Path("/"), None
    for line in _MOUNTS.read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        mount = Path(before.split()[4])
        if location.is_relative_to(mount) and mount.is_relative_to(best):
            best, kind = mount, after.split()[0]
    return kind
