"""services/postgres/role.sql on a real server, as run for a new volume of the bundled Postgres."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import require_postgres
from tests.integration.postgres import PASSWORD, USER, Postgres

SCRIPT = Path(__file__).parents[2] / "services/postgres/role.sql"
DATABASE = "payments"
ODD = """it's "a" p@ss\\word :role $1 %s"""


@pytest.fixture
def server() -> Iterator[Postgres]:
    """Start a server of the test's own, with the database that the image creates before it runs the script."""
    require_postgres()
    with Postgres(fsync="off") as server:
        server.database(DATABASE)
        yield server


@pytest.mark.parametrize(("role", "password"), [("fraudstream", "fraudstream"), ('Odd "role"', ODD)])
def test_an_ordinary_role_owns_the_database(server: Postgres, role: str, password: str) -> None:
    """The role creates tables and temporary ones, and has no superuser's rights; the superuser can't log in."""
    assert _run(server, role, password).returncode == 0
    with _connect(server, role, password) as connection:
        connection.execute("CREATE TABLE scored (id int); CREATE TEMP TABLE incoming (id int)")
        found = connection.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles"
            " WHERE rolname = current_user"
        )
        assert found.fetchone() == (False,) * 5
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY scored FROM PROGRAM 'id'")
    for guess in (PASSWORD, password, ""):
        with pytest.raises(psycopg.OperationalError, match=r"password|no password supplied"):
            _connect(server, USER, guess)


def test_a_failure_leaves_no_role_that_can_log_in(server: Postgres) -> None:
    """If POSTGRES_USER is the superuser's own name, the image ends, and neither role nor log has the password."""
    done = _run(server, USER, "another-secret")
    assert done.returncode != 0
    assert "already exists" in done.stderr
    assert "another-secret" not in done.stderr + server.server.log.read_text(encoding="utf-8")
    for guess in (PASSWORD, "another-secret", ""):
        with pytest.raises(psycopg.OperationalError, match=r"password|no password supplied"):
            _connect(server, USER, guess)


def _run(server: Postgres, role: str, password: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the image does: by psql, as the superuser, in the new database."""
    command = ["psql", "-v", "ON_ERROR_STOP=1", "--no-psqlrc", server.address(DATABASE)]
    environment = {"PATH": os.environ["PATH"], "ARCHIVE_ROLE": role, "POSTGRES_PASSWORD": password}
    return subprocess.run(
        [*command, "-f", str(SCRIPT)], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def _connect(server: Postgres, user: str, password: str) -> psycopg.Connection:
    return psycopg.connect(host="127.0.0.1", port=server.port, user=user, password=password, dbname=DATABASE)
