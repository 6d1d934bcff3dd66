"""The Compose file as a user runs it, under a project name of its own."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.integration.broker.deadline import wait_until
from tests.integration.broker.ports import Port
from tests.oracle import row_count

_DOCKER = ("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
_KEPT_VARIABLES = ("PATH", "HOME", *_DOCKER)
POSTGRES_URL = "postgresql://fraudstream:fraudstream@postgres:5432/fraudstream"
_BUILD_TIMEOUT_S = 600
_LOG_LINES = 40


def why_unavailable() -> str | None:
    """Return why Compose can't be used on this machine, or None if it can."""
    if shutil.which("docker") is None:
        return "docker not on the PATH"
    for command in (["docker", "compose", "version"], ["docker", "info"]):
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
        if done.returncode != 0:
            return f"'{' '.join(command)}' fails"
    return None


def bridge_address() -> str:
    """Return the address of this host in a network outside of the stack, which containers can reach."""
    template = "{{(index .IPAM.Config 0).Gateway}}"
    command = ["docker", "network", "inspect", "bridge", "--format", template]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


class Stack:
    """One project: its clone, its containers and their output; addresses as seen from the host."""

    def __init__(self, project: str, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, str] = {}
        self.project = project
        variables = ("KAFKA_HOST_PORT", "DASHBOARD_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT", "POSTGRES_HOST_PORT")
        self._ports = {name: Port.reserve() for name in variables}
        kafka, page, prometheus, _, postgres = (port.number for port in self._ports.values())
        self.bootstrap, self.page = f"127.0.0.1:{kafka}", f"http://127.0.0.1:{page}"
        self.prometheus = f"http://127.0.0.1:{prometheus}"
        self.postgres = f"host=127.0.0.1 port={postgres}"
        """Postgres' address, where its port is published."""

    @property
    def csv(self) -> Path:
        """The file with the scores."""
        return self.folder / "outputs" / "fraud_scores_stream.csv"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that keep this project apart from others."""
        ports = {name: str(port.number) for name, port in self._ports.items()}
        return {"COMPOSE_PROJECT_NAME": self.project, "COMPOSE_ANSI": "never", **ports}

    def variables(self, **settings: str) -> dict[str, str]:
        """Return the environment of a command for this project."""
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        return kept | self.environment | self.settings | settings

    def compose(self, *arguments: str, timeout_s: float = 120, stdin: str | None = None, **settings: str) -> str:
        """Run `docker compose` with these settings in its environment; return its output."""
        # the name as an option: `down` then removes the services of all profiles too
        command = ["docker", "compose", "--project-name", self.project, *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.variables(**settings),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}{self._logs(arguments)}")
        return done.stdout

    def psql(self, query: str, user: str = "postgres") -> str:
        """Return a query's rows from the bundled Postgres, as CSV; *user* logs in through the container's socket."""
        command = ("psql", "--username", user, "--dbname", "fraudstream", "--tuples-only", "--csv", "--command", query)
        return self.compose("exec", "-T", "postgres", *command).strip()

    def build(self) -> None:
        """Build the images."""
        self.compose("build", timeout_s=_BUILD_TIMEOUT_S)

    def up(self, *arguments: str, profile: str = "", **settings: str) -> None:
        """Run `docker compose up --detach`, which returns when all services that others depend on are healthy."""
        profiles = ("--profile", profile) if profile else ()
        self.compose(*profiles, "up", "--detach", *arguments, timeout_s=180, **settings)

    def exit_codes(self) -> dict[str, int]:
        """Return the exit code of each container of this project, by container name."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        return {container["Name"]: container["ExitCode"] for container in map(json.loads, lines)}

    def wait_for_rows(self, count: int, timeout_s: float) -> None:
        """Wait until the CSV has `count` rows after its header."""
        try:
            wait_until(lambda: self.rows() >= count, timeout_s, f"{count} rows in the CSV")
        except TimeoutError as error:
            raise TimeoutError(f"{error}, but {self.rows()}\n{self._logs()}") from None

    def rows(self) -> int:
        """Return the number of complete rows in the CSV."""
        return row_count(self.csv)

    def remove(self) -> None:
        """Remove containers, volumes and the images built here; pulled images stay."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "5")
        for port in self._ports.values():
            port.release()

    def _logs(self, arguments: tuple[str, ...] = ()) -> str:
        if "logs" in arguments:
            return ""
        return self.compose("logs", "--tail", str(_LOG_LINES), "--no-color")
