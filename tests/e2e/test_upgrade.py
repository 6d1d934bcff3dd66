"""A Postgres volume of an earlier release, whose superuser is the archiver's role; after the tables' tests."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.compose import POSTGRES_URL, Stack
from tests.integration.broker.deadline import wait_until

ROLE = "fraudstream"
IS_SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = 'fraudstream'"
UP = ("--profile", "postgres", "up", "--detach")
EARLIER = """
services:
  postgres:
    build: !reset null
    image: postgres:17
    environment: { POSTGRES_USER: fraudstream }
"""


@pytest.fixture
def earlier(stack: Stack) -> Iterator[Stack]:
    """Create an archive in Postgres as earlier releases did, with payments arriving."""
    (stack.folder / "earlier.yml").write_text(EARLIER, encoding="utf-8")
    stack.up("producer", PAYMENTS_PER_SECOND="50")
    _remove_postgres(stack)
    stack.compose(*UP, "--wait", "postgres", COMPOSE_FILE="docker-compose.yml:earlier.yml")
    stack.compose(*UP, "archiver", DATABASE_URL=POSTGRES_URL, COMPOSE_FILE="docker-compose.yml:earlier.yml")
    wait_until(lambda: _rows(stack) > 0, 60, "rows in the archive")
    assert stack.psql(IS_SUPERUSER, ROLE) == "t"
    yield stack
    _remove_postgres(stack)


def test_a_volume_of_an_earlier_release(earlier: Stack) -> None:
    """The archiver continues to work on it; the steps of docs/archive.md move the data to an ordinary role."""
    earlier.compose(*UP, "--build", "--wait", "postgres", timeout_s=180)
    before = _rows(earlier)
    wait_until(lambda: _rows(earlier) > before, 60, "the archiver works on the old volume")
    earlier.compose("stop", "archiver")
    backup = earlier.compose("exec", "-T", "postgres", "pg_dump", "-U", ROLE, "--no-owner", ROLE)
    before = _rows(earlier)
    _remove_postgres(earlier)
    earlier.compose(*UP, "--wait", "postgres")
    earlier.compose("exec", "-T", "postgres", "psql", "-U", ROLE, "--quiet", "--set", "ON_ERROR_STOP=1", stdin=backup)
    assert _rows(earlier) == before > 0
    earlier.compose(*UP, "archiver", DATABASE_URL=POSTGRES_URL)
    wait_until(lambda: _rows(earlier) > before, 60, "the archiver continues")
    assert earlier.psql(IS_SUPERUSER) == "f"


def _remove_postgres(stack: Stack) -> None:
    """Remove the container and its volume."""
    stack.compose("--profile", "postgres", "rm", "--stop", "--force", "postgres")
    command = ["docker", "volume", "rm", "--force", f"{stack.project}_postgres-data"]
    subprocess.run(command, capture_output=True, check=True)


def _rows(stack: Stack) -> int:
    """Return the number of payments in the archive; 0 while there is no archive."""
    try:
        return int(stack.psql("SELECT COUNT(*) FROM scored_payments", ROLE))
    except RuntimeError:
        return 0
