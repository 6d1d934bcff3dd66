"""A real Postgres for tests, in a folder of its own, that can be killed, paused and started again on the same data."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg

from tests.integration.broker.ports import Port
from tests.integration.broker.process import Process, Servers

USER, PASSWORD = "archive", "s3cret:p@ss/w%rd"
_DEBIAN = Path("/usr/lib/postgresql")
_NOBODY = 65_534
_INITDB_S = 60


def why_unavailable() -> str | None:
    """Return why Postgres can't be started on this machine, or None if it can."""
    if _binaries() is None:
        return "postgres is neither on the PATH nor in /usr/lib/postgresql"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "postgres does not run as root, and setpriv is not on the PATH"
    return None


class Postgres(Servers):
    """One server; `database` creates a database, and returns its address."""

    def __init__(self, **settings: str) -> None:
        """Take the server's `settings`."""
        self._folder = Path(tempfile.mkdtemp(prefix="fraudstream-postgres-"))
        self._port = Port.reserve()
        self._data = self._folder / "data"
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port.number),
            "unix_socket_directories": "",
            **settings,
        }
        command = [*as_nobody(), str(self._binary("postgres")), "-D", str(self._data)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self.server = Process(
            "postgres", command, self._folder / "postgres.log", lambda: answers(self.address("postgres"))
        )

    def start(self) -> None:
        """Create its data, start it, and wait until it answers."""
        password = self._folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        give_to_nobody(self._folder, password)
        command = [*as_nobody(), str(self._binary("initdb")), "-D", str(self._data), "-U", USER, "-E", "UTF8"]
        command += ["--locale=C", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, timeout=_INITDB_S, cwd=self._folder)
        self.server.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pause the server within the block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def pause(self) -> None:
        """Send SIGSTOP to all of its processes: sessions are processes of their own, which would continue."""
        self.server.pause()
        for child in self._children():
            os.kill(child, signal.SIGSTOP)

    def resume(self) -> None:
        """Send SIGCONT to all of its processes."""
        for child in self._children():
            os.kill(child, signal.SIGCONT)
        self.server.resume()

    def stop(self) -> None:
        """Kill it and delete its data."""
        self.server.kill()
        self._port.release()
        shutil.rmtree(self._folder, ignore_errors=True)

    def database(self, name: str) -> str:
        """Create a database of that name."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.address(name)

    def address(self, database: str, password: str = PASSWORD) -> str:
        """Return the database's DATABASE_URL."""
        quoted = password.replace("%", "%25").replace("@", "%40").replace("/", "%2F").replace(":", "%3A")
        return f"postgresql://{USER}:{quoted}@127.0.0.1:{self.port}/{database}"

    @property
    def port(self) -> int:
        """The port on which it listens, of 127.0.0.1."""
        return self._port.number

    def _children(self) -> list[int]:
        pid = self.server.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @staticmethod
    def _binary(name: str) -> Path:
        folder = _binaries()
        assert folder is not None, why_unavailable()
        return folder / name


@cache
def _binaries() -> Path | None:
    if found := shutil.which("postgres"):
        return Path(found).parent
    versions = [path for path in _DEBIAN.glob("*/bin") if (path / "postgres").exists()]
    return max(versions, key=lambda path: int(path.parent.name), default=None)


def answers(address: str) -> bool:
    """Return whether the server at *address* accepts connections."""
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def give_to_nobody(*paths: Path) -> None:
    """Give these files to the user that runs the server."""
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, _NOBODY, _NOBODY)


def as_nobody() -> list[str]:
    """Return the command prefix for a server that refuses to run as root, as Postgres does."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
