"""A terminal in which commands run as a user types them: with a prompt to answer, and Ctrl-C to end them."""

import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_QUESTION = re.compile(rb"\[y/N\] $")
_SIZE = (50, 160)
_SHOWN = 6000  # characters of output in an error
_CTRL_C, _YES = b"\x03", b"y\n"


class CommandFailedError(AssertionError):
    """A command did not do what its document promises."""


class Terminal:
    """One shell with these commands, and its output so far. It answers yes to questions."""

    def __init__(self, text: str, folder: Path, variables: Mapping[str, str]) -> None:
        self.text = text
        self.output = b""
        self._screen, keyboard = pty.openpty()
        termios.tcsetwinsize(keyboard, _SIZE)
        # a session of its own, whose terminal this is: Ctrl-C then reaches all of its foreground processes
        shell = ["setsid", "--ctty", "bash", "-e", "-c", text]
        self._shell = subprocess.Popen(
            shell, cwd=folder, env=dict(variables), stdin=keyboard, stdout=keyboard, stderr=keyboard
        )
        os.close(keyboard)
        self._answered = 0

    @property
    def ended(self) -> bool:
        """Whether the commands have ended; reads what they have written meanwhile."""
        self._read(0)
        return self._shell.poll() is not None

    def wait(self, timeout_s: float, allowed: tuple[int, ...] = (0,)) -> str:
        """Wait for the end; return the output. Raises CommandFailedError for another exit code, or if it is late."""
        self.wait_until(lambda: False, timeout_s)
        code = self._shell.returncode
        if code not in allowed:
            raise CommandFailedError(f"exit code {code} of:\n{self.text}\n{self.shown()}")
        return self.shown()

    def wait_until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until the condition holds or the commands end. Raises CommandFailedError if neither happens in time."""
        deadline = time.monotonic() + timeout_s
        while not condition() and not self.ended:
            if time.monotonic() > deadline:
                raise CommandFailedError(f"not within {timeout_s:g} s:\n{self.text}\n{self.shown()}")
            self._read(0.1)
        self._read(0)

    def press_ctrl_c(self) -> None:
        """End the command in the foreground as a user does."""
        os.write(self._screen, _CTRL_C)

    def shown(self) -> str:
        """Return the end of the output."""
        return self.output.decode(errors="replace").replace("\r\n", "\n")[-_SHOWN:]

    def close(self) -> None:
        """End everything that still runs here."""
        if self._shell.poll() is None:
            self._shell.kill()
            self._shell.wait()
        os.close(self._screen)

    def _read(self, timeout_s: float) -> None:
        """Read what there is, waiting at most this long for the first byte."""
        while select.select([self._screen], [], [], timeout_s)[0]:
            try:
                data = os.read(self._screen, 65536)
            except OSError:  # no process has the terminal open
                time.sleep(timeout_s)
                return
            self.output += data
            timeout_s = 0
            if _QUESTION.search(self.output) and len(self.output) > self._answered:
                self._answered = len(self.output)
                os.write(self._screen, _YES)
