"""A file that the working loop touches: fresh and `ready` means healthy. `python -m fraudstream.heartbeat` checks it.

Standard library only, and light: a container's health check runs it every few seconds.
"""

import os
import sys
import time
from pathlib import Path

from fraudstream.errors import SettingsError

FILE_VARIABLE = "HEARTBEAT_FILE"
DEFAULT_FILE = "/tmp/fraudstream-heartbeat"  # noqa: S108 - a tmpfs of its own in each container
STALE_AFTER_S = 20.0
_TOUCH_EVERY_S = 1.0
READY = "ready"


class Heartbeat:
    """Written by the loop itself, at most once a second unless the state changes, so that a stuck loop goes stale."""

    def __init__(self, path: Path) -> None:
        """Raises SettingsError if no file can be made there."""
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise SettingsError(f"{FILE_VARIABLE}: the folder {path.parent} is not there, or not writable")
        self.path = path
        self._state = ""
        self._touched_s = 0.0

    def beat(self, state: str = READY) -> None:
        """Record that the loop is alive; any `state` but `ready`, or `ready; remark`, says why it is not healthy."""
        now = time.monotonic()
        if state == self._state and now - self._touched_s < _TOUCH_EVERY_S:
            return
        # by process: two of one machine may share the default file, and must not take each other's part away
        part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        part.write_text(state, encoding="utf-8")
        part.replace(self.path)
        self._state, self._touched_s = state, now

    def remove(self) -> None:
        """Forget the last state, as at a stop or a fresh start."""
        self.path.unlink(missing_ok=True)


def unhealthy(path: Path) -> str | None:
    """Why the service whose heartbeat is `path` is not healthy, or None if it is."""
    reason, state = _look(path)
    if reason or state.partition(";")[0] == READY:
        return reason
    return state


def stalled(path: Path) -> str | None:
    """Why its loop does not turn, or None if it does, whatever it may be waiting for."""
    return _look(path)[0]


def _look(path: Path) -> tuple[str | None, str]:
    """Why the loop does not turn, and its last state; read once, as the file may be gone the next moment."""
    try:
        age_s = time.time() - path.stat().st_mtime
        state = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "no heartbeat yet", ""
    return (f"no progress for {age_s:.0f} s (last state: {state})" if age_s > STALE_AFTER_S else None), state


def main() -> int:
    """Exit code for a health check: 0 healthy, 1 not, with the reason on standard output."""
    path = Path(os.environ.get(FILE_VARIABLE) or DEFAULT_FILE)
    reason = unhealthy(path)
    print(reason or path.read_text(encoding="utf-8"))
    return 1 if reason else 0


if __name__ == "__main__":
    sys.exit(main())
