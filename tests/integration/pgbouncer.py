"""A real PgBouncer in transaction mode in front of Postgres: each transaction gets another of its few sessions."""

import os
import shutil
import tempfile
from pathlib import Path

from tests.integration.broker.ports import Port
from tests.integration.broker.process import Process, Servers
from tests.integration.postgres import PASSWORD, USER, Postgres, answers, as_nobody, give_to_nobody

_DEBIAN = "/usr/sbin/pgbouncer"


def why_unavailable() -> str | None:
    """Return why PgBouncer can't be started on this machine, or None if it can."""
    return None if _binary() else f"pgbouncer is neither on the PATH nor {_DEBIAN}"


class PgBouncer(Servers):
    """A pooler for `postgres`; all clients of a database share `sessions` sessions, which take turns."""

    def __init__(self, postgres: Postgres, sessions: int = 2) -> None:
        self._postgres = postgres
        self._folder = Path(tempfile.mkdtemp(prefix="fraudstream-pgbouncer-"))
        self._port = Port.reserve()
        settings = self._folder / "pgbouncer.ini"
        users = self._folder / "users.txt"
        users.write_text(f'"{USER}" "{PASSWORD}"\n', encoding="utf-8")
        settings.write_text(
            f"""[databases]
* = host=127.0.0.1 port={postgres.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self._port.number}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {sessions}
server_round_robin = 1
""",
            encoding="utf-8",
        )
        give_to_nobody(self._folder, users, settings)
        command = [*as_nobody(), _binary() or "pgbouncer", str(settings)]
        self.server = Process(
            "pgbouncer", command, self._folder / "pgbouncer.log", lambda: answers(self.address("postgres"))
        )

    def address(self, database: str) -> str:
        """Return the database's DATABASE_URL through the pooler."""
        return self._postgres.address(database).replace(f":{self._postgres.port}/", f":{self._port.number}/")

    def database(self, name: str) -> str:
        """Create a database of that name."""
        self._postgres.database(name)
        return self.address(name)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.server.start()

    def stop(self) -> None:
        """Kill it, and delete its files."""
        self.server.kill()
        self._port.release()
        shutil.rmtree(self._folder, ignore_errors=True)


def _binary() -> str | None:
    return shutil.which("pgbouncer") or (_DEBIAN if os.access(_DEBIAN, os.X_OK) else None)
