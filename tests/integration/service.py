"""One of our services as a process: its settings, its log, its end."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from fraudstream.runtime.heartbeat import READY
from tests.integration.broker.deadline import wait_until

_WAIT_S = 120
"""Python alone took a minute to start where nine processes shared a core."""
_GRACE_S = 30
"""The grace period of scorer, producer and archiver in docker-compose.yml."""
_NOTED = 8_000


def logged_at(line: Mapping[str, Any]) -> datetime:
    """Return the time of a log line."""
    return datetime.fromisoformat(line["timestamp"])


class Service:
    """`python -m <module>` with only the given settings; its log is JSON, and is part of assertion errors."""

    def __init__(self, folder: Path, module: str, settings: Mapping[str, str], *arguments: str) -> None:
        name = f"{module}-{os.urandom(4).hex()}"
        self._log = folder / f"{name}.log"
        self._heartbeat = folder / f"{name}.heartbeat"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "PYTHONWARNINGS": "default",
            "HEARTBEAT_FILE": str(self._heartbeat),
            "LOG_FORMAT": "json",
            **settings,
        }
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", module, *arguments]
            self._process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)

    @property
    def output(self) -> str:
        """All output so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def heartbeat(self) -> str:
        """The state that its health check reads."""
        return self._heartbeat.read_text(encoding="utf-8")

    def wait_until_ready(self, timeout_s: float = _WAIT_S) -> None:
        """Wait until its health check reports that it is ready."""
        self.wait_until(lambda: self.is_ready, timeout_s, "ready")

    @property
    def is_ready(self) -> bool:
        """Whether its health check reports that it is ready."""
        with suppress(FileNotFoundError):
            return self.heartbeat == str(READY)
        return False

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of that event so far."""
        whole = [line for line in self.output.splitlines(keepends=True) if line.endswith("\n") and line[0] == "{"]
        return [line for line in map(json.loads, whole) if line["event"] == event]

    def wait_for(self, event: str, timeout_s: float = _WAIT_S, count: int = 1) -> list[dict[str, Any]]:
        """Wait until that event was logged `count` times."""
        self.wait_until(lambda: len(self.lines(event)) >= count or not self.running, timeout_s, event)
        assert len(self.lines(event)) >= count, self.output
        return self.lines(event)

    def wait_for_reason(self, event: str, timeout_s: float = _WAIT_S) -> str:
        """Wait for that event, which must have been logged once; return its reason."""
        (line,) = self.wait_for(event, timeout_s)
        return str(line["reason"])

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def paused(self) -> bool:
        """Whether SIGSTOP has stopped it."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][0] == "T"

    def wait_until_paused(self, timeout_s: float = _WAIT_S) -> None:
        """Wait until SIGSTOP has stopped it, as after a failpoint."""
        self.wait_until(lambda: self.paused, timeout_s, "paused")

    def wait_until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait for a condition; the AssertionError after `timeout_s` has its output."""
        try:
            wait_until(condition, timeout_s, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self.output}") from None

    def pause(self) -> None:
        """Send SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Send SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Send SIGKILL, and wait for the end."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> None:
        """Send SIGTERM, without waiting."""
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float = _WAIT_S) -> int:
        """Wait for its end; return the exit code."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s} s\n{self.output}") from None

    def stop(self, timeout_s: float = _GRACE_S) -> str:
        """Send SIGTERM; it must exit with 0 and without a traceback. Return its output.

        A process handles signals from its first log line on, which a test on work that is done already may outrun.
        """
        self.wait_until(lambda: "\n{" in f"\n{self.output}" or not self.running, _WAIT_S, "in its log")
        self.terminate()
        assert self.wait(timeout_s) == 0, self.output
        assert "Traceback" not in self.output, self.output
        return self.output

    def wait_until_killed(self, timeout_s: float = _WAIT_S) -> None:
        """Wait for its end by SIGKILL, as at a failpoint."""
        assert self.wait(timeout_s) == -signal.SIGKILL, self.output

    def wait_for_failure(self, timeout_s: float = _WAIT_S) -> str:
        """Return the reason in its only error line; it must exit with 1 and without a traceback."""
        assert self.wait(timeout_s) == 1, self.output
        assert "Traceback" not in self.output, self.output
        (line,) = self.lines("stopped")
        return str(line["reason"])

    @property
    def address(self) -> str:
        """The host and port of its metrics and health."""
        url: str = self.wait_for("metrics")[0]["url"]
        return url.removeprefix("http://").removesuffix("/metrics")

    def get(self, path: str) -> tuple[int, str]:
        """Return status and text of the answer of its HTTP server for metrics and health."""
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.kill()
        if error is not None:
            error.add_note(f"{self._log.name}:\n{self.output[-_NOTED:]}")
