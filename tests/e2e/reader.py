"""A reader of the documents, who types their commands: one terminal for the stack, another one for all else."""

import json
import re
import shlex
import signal
import subprocess
import urllib.request
from collections.abc import Callable, Mapping

from tests.documents.blocks import Block, commands
from tests.documents.files import ROOT
from tests.e2e.compose import Stack
from tests.e2e.terminal import Terminal
from tests.integration.broker.deadline import wait_until

_COMMAND_S, _START_S, _STOP_S = 240, 240, 90
_INTERRUPTED = (0, 1, 2, 130, -signal.SIGINT)  # as Compose, a command, make and the shell end with Ctrl-C
_UP = re.compile(r"docker compose .*\bup\b(?!.*\s(-d|--detach|--wait)\b)")
_STREAMS = re.compile(r"docker compose logs (-f|--follow)\b|make demo\b")
_SCORED = re.compile(r"approve|review|block|scored(?!-)", re.IGNORECASE)
_ATTACHED = b"Attaching to "
_LOAD = {"PAYMENTS_PER_SECOND": "20", "MALFORMED_RATE": "0.01"}


class Reader:
    """Commands of one document after another in the same clone."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._first: Terminal | None = None

    def run(self, block: Block, words: Mapping[str, Callable[[], str]]) -> None:
        """Run the commands of a block, with a value for each of the words in them; AssertionError if one fails."""
        text = block.text
        for word, value in words.items():
            if re.search(rf"\b{word}\b", text):
                text = re.sub(rf"\b{word}\b", shlex.quote(value()), text)
        if re.search(r"\bmake |\.venv/", text):
            _prepare_environment(self._stack)
        streams = [one for one in commands(text) if _UP.search(one) or _STREAMS.search(one)]
        if not streams:
            self._type(text)
            if " up " in text:
                wait_until(self._is_ready, _START_S, f"all services are ready after: {text}")
            return
        assert streams == commands(text)[-1:], f"{block.document}:{block.line}: nothing can follow {streams[0]}"
        if _STREAMS.search(streams[0]):
            self._watch(text)
        else:
            self._start(text)

    def start(self) -> None:
        """Start the stack, with some load, unless it runs."""
        if self._first is None or self._first.ended:
            self._stack.compose("up", "--detach", "--no-recreate", timeout_s=_START_S, **_LOAD)
            self._stack.wait_for_rows(1, timeout_s=_START_S)
            wait_until(self._is_ready, _START_S, "all services are ready")

    def leave(self) -> None:
        """End the stack in the first terminal."""
        if self._first is not None:
            first, self._first = self._first, None
            _end(first)

    def _type(self, text: str) -> None:
        terminal = Terminal(text, self._stack.folder, self._stack.variables())
        try:
            terminal.wait(_COMMAND_S)
        finally:
            terminal.close()

    def _start(self, text: str) -> None:
        """Leave the first terminal's stack, and start another one there; wait for new scores and the page."""
        self.leave()
        first = self._first = Terminal(text, self._stack.folder, self._stack.variables())
        try:
            first.wait_until(lambda: _ATTACHED in first.output, _START_S)  # a stack that ran before is replaced
            before = self._changed_ns()
            first.wait_until(lambda: self._changed_ns() > before and self._stack.rows() > 0, _START_S)
            first.wait_until(self._page_answers, _START_S)
            assert not first.ended, first.shown()
        except BaseException:
            self.leave()
            raise

    def _watch(self, text: str) -> None:
        """Run a command that writes without end until it has written about a scored payment."""
        terminal = Terminal(text, self._stack.folder, self._stack.variables())
        try:
            terminal.wait_until(lambda: bool(_SCORED.search(terminal.shown())), _START_S)
            assert _SCORED.search(terminal.shown()), terminal.shown()
        finally:
            _end(terminal)

    def _is_ready(self) -> bool:
        """Return whether each container that has a health check is healthy."""
        lines = self._stack.compose("ps", "--format", "json").splitlines()
        return {json.loads(line)["Health"] for line in lines} <= {"", "healthy"}

    def _changed_ns(self) -> int:
        return self._stack.csv.stat().st_mtime_ns if self._stack.csv.exists() else 0

    def _page_answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._stack.page, timeout=5) as answer:  # noqa: S310 - our own http URL
                return bool(answer.status == 200)
        except OSError:
            return False


def _end(terminal: Terminal) -> None:
    try:
        if not terminal.ended:
            terminal.press_ctrl_c()
        terminal.wait(_STOP_S, _INTERRUPTED)
    finally:
        terminal.close()


def _prepare_environment(stack: Stack) -> None:
    """Use these tests' packages as the clone's `.venv`, which `make` would otherwise download."""
    folder = stack.folder / ".venv"
    if folder.exists():
        return
    folder.mkdir()
    for path in (ROOT / ".venv").iterdir():
        if not path.name.startswith("made-"):
            (folder / path.name).symlink_to(path)
    command = ["make", "--dry-run", "--print-data-base", "demo"]
    database = subprocess.run(
        command, cwd=stack.folder, env=stack.variables(), capture_output=True, text=True, check=True
    )
    name = re.findall(r"^\.venv/made-\d+", database.stdout, re.MULTILINE)[0]
    (stack.folder / name).touch()
