"""The archiver on Postgres with PgBouncer in transaction mode, where each transaction may get another session."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import psycopg

from tests.conftest import Names
from tests.integration.archive import WAITS, Archive, Stream
from tests.integration.pgbouncer import PgBouncer
from tests.integration.scorer import Surroundings

TABLES = ("scored_payments", "dead_letters", "replays")
BATCHES = 8  # the number of executions after which the driver prepares a statement
LEFT = """
SELECT (SELECT COUNT(*) FROM pg_prepared_statements), current_setting('statement_timeout'),
       (SELECT COUNT(*) FROM pg_class WHERE relpersistence = 't' AND relname LIKE 'archiver%')
"""


@contextmanager
def both_sessions(archive: Archive) -> Iterator[list[psycopg.Connection]]:
    """Open transactions of two other clients together: each has one of the pooler's two sessions."""
    with psycopg.connect(archive.url) as one, psycopg.connect(archive.url) as other:
        found = [session.execute("SELECT pg_backend_pid()").fetchone() for session in (one, other)]
        assert found[0] != found[1]
        yield [one, other]


def test_nothing_is_left_in_a_shared_session(surroundings: Surroundings, pooler: PgBouncer, names: Names) -> None:
    """The archiver leaves no tables, statements or limits in a session; an earlier archiver's tables do not matter."""
    archive, stream = Archive(surroundings, pooler.database(names("archive"))), Stream(surroundings)
    with archive.archiver() as service:
        service.wait_until_ready()
        with both_sessions(archive) as sessions:
            for session, table in product(sessions, TABLES):
                session.execute(f"CREATE TEMP TABLE incoming_{table} (LIKE {table}) ON COMMIT DELETE ROWS".encode())
        for _ in range(BATCHES):
            archive.receive(stream, 20, service)
        waits = service.lines(WAITS)
        assert {line["reason"] for line in waits} <= {"no answer"}, service.output  # for 5 s, on a busy machine
        service.stop()
    with both_sessions(archive) as sessions:
        assert [session.execute(LEFT).fetchone() for session in sessions] == [(0, "0", 0)] * 2
    assert archive.assert_each_once() == BATCHES * (20 + 3 + 1)
