"""Archives of the first version, with a column per field, are upgraded in SQLite and Postgres; without Kafka."""

import json
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from archiver import carrying_over
from archiver.database import Database, address
from archiver.schema import METADATA
from fraudstream.errors import FraudstreamError
from tests.archives import CARDS, DEFAULT, first_version, opened, query, scored_value, second_version, write
from tests.conftest import Names
from tests.integration.postgres import Postgres

ROWS: list[dict[str, Any]] = [
    {"payment_id": 2**63 - 1, "amount": 0.1 + 0.2, "country_risk_score": 1 / 3},
    {"payment_id": 1, "amount": 1e12, "decision": "block", "source_partition": 2**31 - 1},
    *({"payment_id": number, "amount": number + 0.01, "challenger_version": "next"} for number in range(2, 300)),
]
FOUND = "SELECT id, amount, fields, source_offset, reasons, decision, challenger_version FROM scored_payments"


def as_json(value: Any) -> Any:
    """Return a document that Postgres returns as an object and SQLite as text."""
    return json.loads(value) if isinstance(value, str) else value


def assert_carried_over(database: Database) -> None:
    """Assert that each row of the first version is there once, with exactly its values."""
    found = {row[3]: row for row in query(database, FOUND)}
    assert sorted(found) == list(range(len(ROWS)))
    for number, row in enumerate(ROWS):
        fields = {
            "payment_id": row["payment_id"],
            "amount": row["amount"],
            "country_risk_score": row.get("country_risk_score", 0.1),
            "failed_logins": 2,
            "transaction_hour": 3,
            "is_new_device": 1,
        }
        id_, amount, document, _, reasons, decision, challenger = found[number]
        assert (id_, amount, as_json(document)) == (str(row["payment_id"]), row["amount"], fields)
        assert as_json(reasons)[0]["contribution"] == 1.5
        assert (decision, challenger) == (row.get("decision", "review"), row.get("challenger_version"))


def test_an_archive_of_the_first_version_is_upgraded(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows are carried over in pieces, exactly; tables are those of the code; the views read them."""
    monkeypatch.setattr(carrying_over, "_PIECE_ROWS", 7)
    monkeypatch.setattr(carrying_over, "_PIECE_PAGES", 1)
    first_version(database_url, ROWS)
    with opened(database_url, DEFAULT) as database:
        assert_carried_over(database)
        with database.transaction() as connection:
            assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert query(database, "SELECT id, amount FROM top_blocked") == [("1", 1e12)]
        ((payments, blocked),) = query(database, "SELECT SUM(payments), SUM(blocked) FROM hourly_fraud")
        assert (payments, blocked) == (len(ROWS), 1)
        assert query(database, "SELECT failed_logins FROM payments WHERE payment_id = '1'") == [(2,)]
        assert write(database, DEFAULT, [scored_value({**CLEAN, "payment_id": 7})]) == 1


CLEAN = {"amount": 1.5, "country_risk_score": 0.5, "failed_logins": 0, "transaction_hour": 5, "is_new_device": 0}


@pytest.mark.parametrize("pieces", [0, 1, 3, 40])
def test_an_upgrade_is_continued_after_a_kill(database_url: str, monkeypatch: pytest.MonkeyPatch, pieces: int) -> None:
    """A process that is killed after any piece leaves no row twice and none out; the next one continues."""
    monkeypatch.setattr(carrying_over, "_PIECE_ROWS", 7)
    monkeypatch.setattr(carrying_over, "_PIECE_PAGES", 1)
    first_version(database_url, ROWS)
    move, left = carrying_over._MOVES, pieces

    def killed(*arguments: Any) -> tuple[int, int | None]:
        nonlocal left
        moved = move[arguments[0].dialect.name](*arguments)
        if not left:
            raise KeyboardInterrupt  # within the transaction
        left -= 1
        return moved

    monkeypatch.setattr(carrying_over, "_MOVES", dict.fromkeys(move, killed))
    database = Database(address(database_url), DEFAULT)
    with suppress(KeyboardInterrupt), database.transaction():
        pass
    database.close()
    assert left <= 0 or pieces == 40  # more than Postgres has
    monkeypatch.setattr(carrying_over, "_MOVES", move)
    with opened(database_url, DEFAULT) as database:
        assert_carried_over(database)


def test_two_archivers_upgrade_together(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second archiver that starts in the middle moves the rest, and the first one finds nothing left."""
    monkeypatch.setattr(carrying_over, "_PIECE_ROWS", 7)
    monkeypatch.setattr(carrying_over, "_PIECE_PAGES", 1)
    first_version(database_url, ROWS)
    database = Database(address(database_url))
    moving = carrying_over.carry_over

    def interrupted(connection: Any) -> Any:
        pieces = moving(connection)
        yield next(pieces)
        monkeypatch.setattr("archiver.database.carry_over", moving)
        with opened(database_url, DEFAULT) as other:
            assert_carried_over(other)
        yield from pieces

    monkeypatch.setattr("archiver.database.carry_over", interrupted)
    with database.transaction():
        pass
    assert_carried_over(database)
    database.close()


def test_a_view_of_others_is_not_lost(names: Names, postgres: Postgres) -> None:
    """In Postgres, a view of others on the table stops the upgrade with its name; nothing is changed."""
    database_url = postgres.database(names("archive"))
    first_version(database_url, ROWS)
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE VIEW mine AS SELECT payment_id FROM scored_payments")
        connection.execute("CREATE VIEW yours AS SELECT amount FROM top_blocked")
    with pytest.raises(FraudstreamError, match="mine, yours"), opened(database_url) as database, database.transaction():
        pass
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT COUNT(payment_id) FROM mine").fetchall() == [(len(ROWS),)]
        connection.execute("DROP VIEW mine, yours")
    with opened(database_url, DEFAULT) as database:
        assert_carried_over(database)


def test_views_of_the_second_version_are_replaced(database_url: str) -> None:
    """The flagged share is called so, and sums, shares and means are rounded, equally in both databases."""
    second_version(database_url)
    payment = {**CLEAN, "payment_id": 7, "amount": 0.1}
    decisions = [("approve", 0.1), ("review", 0.2), ("block", 0.123456)]
    values = [
        scored_value(payment, number, decision=decision, fraud_probability=probability, challenger_probability=0.3)
        for number, (decision, probability) in enumerate(decisions)
    ]
    with opened(database_url, DEFAULT) as database:
        assert write(database, DEFAULT, values) == 3
        hours = query(database, "SELECT payments, flagged, flagged_share, amount, amount_blocked FROM hourly_fraud")
        means = "SELECT mean_probability, challenger_mean_probability, mean_difference FROM model_comparison"
        assert [float(value) for value in hours[0]] == [3, 2, 0.6667, 0.3, 0.1]
        assert [float(value) for value in query(database, means)[0]] == [0.1412, 0.3, 0.1588]


def test_a_view_of_others_on_a_replaced_view(names: Names, postgres: Postgres) -> None:
    """In Postgres, a view of others on one of the replaced views stops the upgrade with its name."""
    database_url = postgres.database(names("archive"))
    second_version(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE VIEW mine AS SELECT fraud_rate FROM hourly_fraud")
    with pytest.raises(FraudstreamError, match="mine"), opened(database_url) as database, database.transaction():
        pass
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT fraud_rate FROM mine").fetchall() == []


def test_rights_are_kept(names: Names, postgres: Postgres) -> None:
    """In Postgres, others keep their rights on table and views, through the upgrade and through other schemas."""
    database_url = postgres.database(names("archive"))
    role = names("reader")
    first_version(database_url, ROWS)
    with psycopg.connect(database_url) as connection:
        connection.execute(f'CREATE ROLE "{role}"'.encode())
        connection.execute(f'GRANT SELECT ON scored_payments, hourly_fraud TO "{role}"'.encode())
        connection.execute(b"GRANT SELECT ON top_blocked TO PUBLIC")
    with opened(database_url, DEFAULT) as database, database.transaction() as connection:
        connection.exec_driver_sql(f'GRANT SELECT ON payments TO "{role}"')
    with opened(database_url, CARDS) as database, database.transaction() as connection:
        for name in ("scored_payments", "hourly_fraud", "top_blocked", "payments"):
            has = text("SELECT has_table_privilege(:role, :name, 'SELECT')")
            assert connection.execute(has, {"role": role, "name": name}).scalar(), name
        assert not connection.execute(has, {"role": role, "name": "positions"}).scalar()
