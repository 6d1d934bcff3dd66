"""A child process with a log file, that ends with the tests."""

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from tests.integration.broker.deadline import wait_until

_LOG_TAIL = 3_000


class Process:
    """One command that can be started, killed, paused and started again."""

    def __init__(self, name: str, command: Sequence[str], log: Path, ready: Callable[[], bool]) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._ready = ready
        self._child: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the process runs (a paused one does)."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        if self._child is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._child.pid

    def launch(self) -> None:
        """Start the process and return immediately."""
        self._dismiss_guard()
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(  # a session of its own: Ctrl-C is for pytest, which then stops it
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._guard = kill_with_parent(self._child.pid)

    def wait_ready(self, timeout_s: float = 60) -> None:
        """Wait until it is ready. A process that has exited is launched again, as by a container's restart policy."""
        deadline = time.monotonic() + timeout_s
        try:
            while not self._ready_or_exited(deadline - time.monotonic()):
                self.launch()
        except TimeoutError as error:
            raise TimeoutError(f"{error}; the end of its log:\n{self._log_tail()}") from None

    def start(self, timeout_s: float = 60) -> None:
        """Launch it and wait until it is ready; blocks."""
        self.launch()
        self.wait_ready(timeout_s)

    def kill(self) -> None:
        """Send SIGKILL, and wait for the end."""
        self._end(signal.SIGKILL, timeout_s=60)

    def terminate(self, timeout_s: float = 30) -> None:
        """Send SIGTERM, and wait for the end; SIGKILL after `timeout_s`."""
        try:
            self._end(signal.SIGTERM, timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def pause(self) -> None:
        """Send SIGSTOP: the process keeps its connections and sends nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Send SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def _ready_or_exited(self, timeout_s: float) -> bool:
        """Return True when it is ready, False when it has exited."""
        wait_until(lambda: not self.is_alive or self._ready(), timeout_s, f"{self.name} ready")
        return self.is_alive

    def _end(self, number: signal.Signals, timeout_s: float) -> None:
        if self._child is None:
            return
        if self.is_alive:
            os.kill(self.pid, number)
            self._child.wait(timeout_s)
        self._dismiss_guard()

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    def _log_tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]


class Servers(ABC):
    """Servers that run within a `with` block, and are stopped even if one of them does not start."""

    @abstractmethod
    def start(self) -> None:
        """Start all of them, and wait until they answer; blocks."""

    @abstractmethod
    def stop(self) -> None:
        """Kill all of them, and delete their data."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def kill_with_parent(pid: int) -> subprocess.Popen[bytes]:
    """Start a guard that kills `pid` when this process dies, even by SIGKILL: its input then ends."""
    return subprocess.Popen(["sh", "-c", f"read _; kill -9 {pid}"], stdin=subprocess.PIPE, start_new_session=True)
