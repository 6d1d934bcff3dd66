"""A file that the working loop touches; `python -m fraudstream.runtime.heartbeat` checks that it is fresh and ready.

Standard library only, and light: a container's health check runs it every few seconds.
"""

import errno
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from fraudstream.errors import SettingsError
from fraudstream.runtime import terminal
from fraudstream.runtime.escaping import visible
from fraudstream.runtime.regular_files import regular_file, replace_regular

FILE_VARIABLE = "HEARTBEAT_FILE"
DEFAULT_FILE = "/tmp/fraudstream-heartbeat"  # noqa: S108 - a tmpfs of its own in each container
STALE_AFTER_S = 20.0
_TOUCH_EVERY_S = 1.0
_READY = "ready"
_MODE = 0o644
_MOST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a service can work; `reason` is why it can't, or a remark although it can."""

    ready: bool
    reason: str = ""

    def __str__(self) -> str:
        """Return the content of the file."""
        return "; ".join(filter(None, (_READY, self.reason))) if self.ready else self.reason

    @classmethod
    def parse(cls, text: str) -> "Status":
        """Return the status whose text this is."""
        state, _, remark = text.partition("; ")
        return cls(ready=True, reason=remark) if state == _READY else cls(ready=False, reason=text)


READY = Status(ready=True)
_UNKNOWN = Status(ready=False)


class Heartbeat:
    """A file written by the loop itself, at most once a second unless the state changes; stale if the loop is stuck."""

    def __init__(self, path: Path) -> None:
        """Remove a file of an earlier run. Raises SettingsError if `path` can't be written."""
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise SettingsError(f"{FILE_VARIABLE}: the folder {path.parent} does not exist, or is not writable")
        self.path = path
        self._status: Status | None = None
        self._touched_s = 0.0
        try:
            self.remove()
        except OSError as error:  # in a folder such as /tmp, another user's file can't be replaced
            raise SettingsError(
                f"{FILE_VARIABLE}: {path} can't be replaced ({error.strerror}); remove it, or name another file"
            ) from None

    def beat(self, status: Status | str = READY) -> None:
        """Record that the loop is alive; a text is the reason why the service is not ready."""
        status = Status(ready=False, reason=status) if isinstance(status, str) else status
        now = time.monotonic()
        if status == self._status and now - self._touched_s < _TOUCH_EVERY_S:
            return
        content = str(status).encode(errors="backslashreplace")[:_MOST_BYTES]
        replace_regular(self.path, content, _MODE, sync=False)
        self._status, self._touched_s = status, now

    def remove(self) -> None:
        """Remove the last state, at a start or a stop."""
        self.path.unlink(missing_ok=True)


def unhealthy(path: Path) -> str | None:
    """Return why the service with the heartbeat `path` is unhealthy, None if it is healthy."""
    stale, status = _read(path)
    return stale or (None if status.ready else status.reason)


def stalled(path: Path) -> str | None:
    """Return why its loop makes no progress, None if it does, even while it waits for another service."""
    return _read(path)[0]


def _read(path: Path) -> tuple[str | None, Status]:
    """Return why the loop makes no progress, and its last status; one read, as the file may be removed between two."""
    try:
        with regular_file(path) as file:
            age_s = time.time() - os.fstat(file.fileno()).st_mtime
            status = Status.parse(visible(file.read(_MOST_BYTES).decode(errors="backslashreplace")))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return "no heartbeat yet", _UNKNOWN
        return f"{FILE_VARIABLE}: {path} can't be read: {error.strerror}", _UNKNOWN
    return (f"no progress for {age_s:.0f} s (last state: {status})" if age_s > STALE_AFTER_S else None), status


def main() -> int:
    """Print the state or the reason; return the exit code of a health check: 0 healthy, 1 unhealthy."""
    path = Path(os.environ.get(FILE_VARIABLE) or DEFAULT_FILE)
    stale, status = _read(path)
    terminal.write(f"{stale or status}\n")
    return 1 if stale or not status.ready else 0


if __name__ == "__main__":
    sys.exit(main())
