"""Services as child processes, and ports for them; their log lines appear as in `docker compose up`."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping

from fraudstream.runtime import terminal
from fraudstream.runtime.settings import LogSettings

_STOP_S = 30.0


def free_port(wanted: int = 0) -> int:
    """Return `wanted` if it is free, else any free port."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", wanted))
        except OSError:
            one.bind(("127.0.0.1", 0))
        number: int = one.getsockname()[1]
        return number


def _colors() -> str:
    """Return LOG_COLORS for a child, whose output is a pipe, by where its lines appear: on our standard output."""
    return "always" if LogSettings.from_env(os.environ).uses_colors(is_terminal=sys.stdout.isatty()) else "never"


class Service:
    """Child process of a service, with our interpreter, and our environment extended by the given settings."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self._process = process
        self._lines = asyncio.get_running_loop().create_task(self._show())

    @classmethod
    async def start(cls, name: str, env: Mapping[str, str]) -> "Service":
        """Start `python -m name` in a new session: Ctrl-C reaches only the demo, which stops services in order."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            name,
            env={**os.environ, "LOG_COLORS": _colors(), **env},
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        return cls(name, process)

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.returncode is not None

    async def wait(self) -> int:
        """Wait until the process ends; return its exit code."""
        code = await self._process.wait()
        await self._lines
        return code

    async def stop(self) -> int:
        """Terminate the process, as `docker compose stop` does; return its exit code."""
        if not self.ended:
            self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                return await self.wait()
        except TimeoutError:
            self._process.kill()
            return await self.wait()

    async def _show(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - PIPE
        async for line in self._process.stdout:
            text = line.rstrip().decode(errors="backslashreplace")
            terminal.write(f"{self.name:<9} | {text}\n", keeps_colors=True)
            sys.stdout.flush()
