"""Ports that stay free for a broker that is down for a while."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import IO

# Below the range from which the kernel takes ports for outgoing connections: one of these could
# occupy the port of a broker that a test has just killed.
_FIRST, _LAST = 21_000, 27_999
_LOCKS = Path(tempfile.gettempdir()) / f"fraudstream-test-ports-{os.getuid()}"


class Port:
    """A free port of 127.0.0.1, kept from other runs of these tests until `release` or the end of this process."""

    def __init__(self, number: int, lock: IO[bytes]) -> None:
        self.number = number
        self._lock = lock

    @classmethod
    def reserve(cls) -> "Port":
        """Reserve the next port that is neither reserved nor in use."""
        _LOCKS.mkdir(exist_ok=True)
        for number in range(_FIRST, _LAST + 1):
            lock = _try_lock(_LOCKS / str(number))
            if lock is None:
                continue
            if _is_free(number):
                return cls(number, lock)
            lock.close()
        raise OSError(f"no free port between {_FIRST} and {_LAST}")

    def release(self) -> None:
        """Release this port for others."""
        self._lock.close()


def _try_lock(path: Path) -> IO[bytes] | None:
    lock = path.open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True
