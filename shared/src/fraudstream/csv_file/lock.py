"""Mutual exclusion of writers, across processes: flock, which the kernel releases when its holder dies."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fraudstream.csv_file.paths import beside
from fraudstream.errors import SinkUnavailableError
from fraudstream.runtime.regular_files import SHARED_MODE, open_regular

PATIENCE_S = 10.0
"""Longest wait for the lock of a CSV."""
_FIRST_WAIT_S = 0.0005
_LONGEST_WAIT_S = 0.02


class FileLock:
    """A lock file, never renamed or deleted by us; after another program deletes it, all holders use the new one."""

    def __init__(self, path: Path, timeout_s: float, waited: Callable[[float], object] = lambda _: None) -> None:
        """Pass the seconds that each acquisition took to `waited`."""
        self.path = path
        self._timeout_s = timeout_s
        self._waited = waited
        # flock belongs to the open file, so threads of one process need a lock of their own
        self._threads = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises SinkUnavailableError if another process holds it for longer than the timeout."""
        started_s = time.monotonic()
        with self._threads:
            descriptor = self._acquire()
            self._waited(time.monotonic() - started_s)
            try:
                yield
            finally:
                os.close(descriptor)

    def _acquire(self) -> int:
        deadline = time.monotonic() + self._timeout_s
        wait_s = _FIRST_WAIT_S
        while True:
            descriptor = open_regular(self.path, os.O_RDWR | os.O_CREAT, SHARED_MODE)
            try:
                if try_lock(descriptor) and is_current(descriptor, self.path):
                    return descriptor
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise SinkUnavailableError(f"{self.path}: another process has held the lock for {self._timeout_s:g} s")
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


def lock_of(csv: Path, timeout_s: float = PATIENCE_S, waited: Callable[[float], object] = lambda _: None) -> FileLock:
    """Return the lock that each writer of the CSV holds while it writes."""
    return FileLock(beside(csv, "lock"), timeout_s, waited)


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file if it is free; return whether it was."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_current(descriptor: int, path: Path) -> bool:
    """Return whether the open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
