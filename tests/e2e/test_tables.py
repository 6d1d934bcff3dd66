"""The archiver in the stack: SQLite in the mounted folder by default, Postgres with its profile."""

import sqlite3
from contextlib import closing

from tests import oracle
from tests.e2e.compose import POSTGRES_URL, Stack
from tests.integration.broker.deadline import wait_until

SCORED = "scored-payments"
QUERY = "SELECT source_partition, source_offset, CAST(id AS bigint) FROM scored_payments"

Row = tuple[int, int, int]


def test_sqlite_has_what_the_topic_has(stack: Stack) -> None:
    """SQLite, read from the host while the archiver writes, has all records of the topic."""
    stack.up(PAYMENTS_PER_SECOND="50")
    stack.wait_for_rows(stack.rows() + 200, timeout_s=60)
    stack.compose("stop", "producer")
    wait_until(lambda: _scored(stack) <= set(_in_sqlite(stack)), 60, "all in the database")
    rows = _in_sqlite(stack)
    assert len(rows) == len(set(rows)) > 200


def test_the_archive_is_read(stack: Stack) -> None:
    """The service `archive` prints the archive's views, and all of its payments."""
    assert "flagged share" in stack.compose("run", "--rm", "-T", "archive", "hourly")
    exported = stack.compose("run", "--rm", "-T", "archive", "export")
    assert len(exported.splitlines()) > len(_in_sqlite(stack))


def test_a_payment_is_erased(stack: Stack) -> None:
    """One command erases a payment from database and CSV; all other rows stay."""
    rows = _in_sqlite(stack)
    payment_id = min(_scored(stack))[2]  # the topic has it; the database has an earlier Kafka's payments too
    stack.compose("run", "--rm", "-T", "erase", "--payment-id", str(payment_id), "--yes")
    assert sorted(_in_sqlite(stack)) == sorted(row for row in rows if row[2] != payment_id)
    assert f",{payment_id}," not in stack.csv.read_text()
    assert "erased" in stack.compose("run", "--rm", "-T", "cli", "verify")


def test_postgres_has_what_the_topic_has(stack: Stack) -> None:
    """A new database gets all records that the topic holds, each payment once."""
    stack.up("postgres", "archiver", profile="postgres", DATABASE_URL=POSTGRES_URL)
    wait_until(lambda: set(_in_postgres(stack)) == _scored(stack), 60, "all in the database")
    assert len(_in_postgres(stack)) == len(_scored(stack)) > 200


def _scored(stack: Stack) -> set[Row]:
    """Return place and payment of each record in the topic."""
    events = oracle.scored(stack.bootstrap, SCORED)
    return {(*place, int(str(found[0]["payment_id"]))) for place, found in events.items()}


def _in_sqlite(stack: Stack) -> list[Row]:
    with closing(sqlite3.connect(f"file:{stack.folder}/outputs/payments.db?mode=ro", uri=True, timeout=10)) as database:
        return database.execute(QUERY).fetchall()


def _in_postgres(stack: Stack) -> list[Row]:
    try:
        lines = stack.psql(QUERY, "fraudstream").split()
    except RuntimeError:  # the table is still being created
        return []
    return [(int(cells[0]), int(cells[1]), int(cells[2])) for cells in (line.split(",") for line in lines)]
