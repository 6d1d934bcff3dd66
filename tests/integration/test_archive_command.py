"""`fraudstream archive` on SQLite and Postgres: the same output for both, and nothing is changed."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from archiver.database import address
from archiver.read_only import ReadOnlyDatabase
from cli.__main__ import main
from fraudstream.errors import FraudstreamError
from fraudstream.timestamps import time_text
from tests.archives import CARDS, NOW, first_version, opened, query, scored_value, sqlite_url, write
from tests.conftest import Names
from tests.integration import tools
from tests.integration.archive import Archive
from tests.integration.erasing import running, send, settle
from tests.integration.postgres import Postgres
from tests.integration.scorer import Surroundings

DAY_MS = 86_400_000
VIEWS = ("hourly", "top", "models", "letters")
SCHEMA = """
    id = "transaction_id"
    amount = "amount"
    [fields.transaction_id]
    type = "text"
    [fields.amount]
    type = "number"
    required = false
    [fields.country]
    type = "category"
    required = false
    [fields.logins]
    type = "integer"
    required = false
    [fields.is_new]
    type = "boolean"
    required = false
    [fields.created_at]
    type = "time"
    required = false
"""


def fill(url: str) -> None:
    """Fill an archive with random payments and two dead letters, one of them replayed."""
    rng = Random(1)
    values = []
    for number in range(500):
        payment: dict[str, Any] = {
            "transaction_id": f"=t-{number},\n\"'",
            "country": rng.choice(["D\u00c9", "+1", "\x00"]),
        }
        payment |= {"amount": rng.choice([0.1, 5, 1e17, 1e-7, 2.5]), "logins": rng.randrange(-(2**62), 2**62)}
        payment |= {"is_new": rng.random() < 0.5, "created_at": "2026-09-21T16:00:00+02:00"}
        own = {"decision": rng.choice(["approve", "review", "block"]), "fraud_probability": round(rng.random(), 6)}
        if number % 3:
            own |= {"challenger_version": "next", "challenger_probability": round(rng.random(), 6)}
        reasons = [{"field": "logins", "contribution": 0.5, "text": "so, many"}, {**REASON, "text": "new \u00fc"}]
        at = time_text(DAY_MS + number // 50 * 3_600_000)
        values.append(scored_value(payment, number, scored_at=at, reasons=reasons[: number % 3], **own))
    letters = [("t", 0, number, 0, "dlq", 3, number, "empty", "\x1b", None, b"x", 1, "[]", NOW) for number in range(2)]
    with opened(url, CARDS) as database:
        write(database, CARDS, values)
        with database.transaction() as connection:
            database.insert_new(connection, "dead_letters", letters)
            database.insert_new(connection, "replays", [("dlq", 3, 1, 2, 0, None, False, False, NOW)])


REASON = {"field": "is_new", "contribution": 0.25}


@pytest.fixture
def schema_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set PAYMENT_SCHEMA."""
    file = tmp_path / "payment.toml"
    file.write_text(SCHEMA, encoding="utf-8")
    monkeypatch.setenv("PAYMENT_SCHEMA", str(file))


@pytest.mark.usefixtures("schema_file")
def test_both_databases_have_the_same_output(
    names: Names,
    postgres: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All views, in all formats, and all exports are the same, byte by byte."""
    commands = [[view, "--format", form] for view in VIEWS for form in ("table", "csv", "json")]
    period = ["--since", time_text(DAY_MS + 3_600_000), "--until", time_text(DAY_MS + 7_200_000)]
    exports = [["export"], ["export", "--decision", "block", "--decision", "review"], ["export", *period]]
    outputs = []
    for url in (sqlite_url(tmp_path), postgres.database(names("archive"))):
        fill(url)
        monkeypatch.setenv("DATABASE_URL", url)
        capsys.readouterr()
        for command in (*commands, *exports):
            assert main(["archive", *command]) == 0
        outputs.append([capsys.readouterr().out])
        assert main(["archive", "export", "--output", str(tmp_path / "out.csv"), "--force"]) == 0
        outputs[-1].append((tmp_path / "out.csv").read_text(encoding="utf-8"))
    of_sqlite, of_postgres = outputs
    assert of_sqlite == of_postgres
    rows = list(csv.DictReader(io.StringIO(of_sqlite[1]), strict=True))
    assert [row["source_offset"] for row in rows] == [str(number) for number in range(500)]
    assert rows[2]["reasons"] == "so, many; new \u00fc"
    assert of_sqlite[0].count("so, many") > 300


def test_views_are_printed(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The latest rows come first, as many as wanted; letters are those that were never replayed."""
    fill(database_url)
    monkeypatch.setenv("DATABASE_URL", database_url)
    capsys.readouterr()
    assert main(["archive", "hourly", "--limit", "3", "--format", "json"]) == 0
    hours = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(hour["hour"], hour["payments"]) for hour in hours] == [("2026-09-21T14:00:00Z", 500)]
    assert main(["archive", "letters"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["place", "archived", "reason", "bytes", "detail"]
    assert line.split() == ["t/0/0", NOW, "empty", "1", "\\x1b"]
    assert main(["archive", "top", "--limit", "7"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 8
    assert main(["archive", "models"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_nothing_can_be_changed(database_url: str) -> None:
    """The connection refuses every change, and creates no file."""
    fill(database_url)
    database = ReadOnlyDatabase(address(database_url))
    assert len(database.rows(text("SELECT 1 FROM scored_payments"))) == 500
    with pytest.raises(FraudstreamError, match=r"can't be read: .*(read-only|readonly)"):
        database.rows(text("DELETE FROM scored_payments RETURNING 1"))
    database.close()
    with opened(database_url) as writer:
        assert query(writer, "SELECT COUNT(*) FROM scored_payments") == [(500,)]


def test_an_archive_of_another_version(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older archive is not upgraded, and a missing one is not created: the message has what to do."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main(["archive", "hourly"]) == 1
    assert "start the archiver" in capsys.readouterr().err
    first_version(database_url, [])
    assert main(["archive", "export"]) == 1
    assert "has the archive's schema 0001" in capsys.readouterr().err


def test_an_unfinished_upgrade(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While payments are in the previous table, nothing is printed: a part of them would look like all."""
    first_version(database_url, [{"payment_id": 1, "amount": 1.5}])
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr("archiver.database.carry_over", lambda _: iter(()))
    with opened(database_url, CARDS) as database, database.transaction():
        pass
    assert main(["archive", "hourly"]) == 1
    assert "has not moved all payments" in capsys.readouterr().err
    monkeypatch.undo()
    with opened(database_url, CARDS) as database, database.transaction():
        pass
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main(["archive", "hourly"]) == 0


def test_amounts_without_a_maximum(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sum above the range of floats is null, and the other hours are printed; a CSV keeps ids as they are."""
    hours = ("2026-01-01T00:00:00.000Z", "2026-01-01T00:30:00.000Z", "2026-01-01T02:00:00.000Z")
    with opened(database_url, CARDS) as database:
        payments = [{"transaction_id": "b\u00ad\u200d", "amount": amount} for amount in (1.7e308, 1.7e308, 2.5)]
        write(database, CARDS, [scored_value(one, at, scored_at=hours[at]) for at, one in enumerate(payments)])
        with database.transaction() as connection:
            connection.exec_driver_sql("UPDATE scored_payments SET paid_at = NULL")
    monkeypatch.setenv("DATABASE_URL", database_url)
    capsys.readouterr()
    assert main(["archive", "hourly", "--format", "json"]) == 0
    rows = [json.loads(line, parse_constant=pytest.fail) for line in capsys.readouterr().out.splitlines()]
    assert [(row["amount"], row["amount_blocked"]) for row in rows] == [(2.5, 2.5), (None, None)]
    assert main(["archive", "top", "--format", "csv"]) == 0
    assert capsys.readouterr().out.count(",b\u00ad\u200d,") == 3


def test_after_a_killed_archiver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A transaction that a killed process left in SQLite's file is not read; the message has what to do."""
    url = sqlite_url(tmp_path)
    fill(url)
    monkeypatch.setenv("DATABASE_URL", url)
    code = (
        "import os, sqlite3, sys; connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute('PRAGMA journal_mode=TRUNCATE'); connection.execute('PRAGMA cache_size=5')\n"
        "connection.execute('UPDATE scored_payments SET model_version = id')\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.db")], check=False, timeout=60)
    assert main(["archive", "models"]) == 1
    assert "start the archiver" in capsys.readouterr().err
    with opened(url) as database:
        assert query(database, "SELECT DISTINCT model_version FROM scored_payments") == [("v1",)]
    assert main(["archive", "models"]) == 0


def test_an_output_file_is_complete_or_absent(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An existing file is only replaced with --force, and a failed export leaves none."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    out = tmp_path / "out.csv"
    assert main(["archive", "export", "--out", str(out)]) == 1
    assert [path.name for path in tmp_path.glob("*.csv*")] == []
    out.write_text("mine", encoding="utf-8")
    fill(database_url)
    assert main(["archive", "export", "--out", str(out)]) == 1
    assert "already exists" in capsys.readouterr().err
    assert out.read_text(encoding="utf-8") == "mine"


@pytest.mark.partitions(2)
def test_beside_running_services(surroundings: Surroundings, sqlite: Archive) -> None:
    """Views and export are read while a scorer and an archiver run."""
    with running(surroundings, sqlite):
        send(surroundings, 1, 100)
        surroundings.wait_until_committed()
        settle(surroundings, sqlite, 100, 2)
        outputs = {
            what: tools.succeed(surroundings, "archive", what, DATABASE_URL=sqlite.url) for what in (*VIEWS, "export")
        }
        send(surroundings, 101, 50)
        surroundings.wait_until_committed()
        settle(surroundings, sqlite, 150, 4)
    assert "flagged share" in outputs["hourly"]
    assert len(outputs["letters"].splitlines()) == 3
    header, *rows = surroundings.csv.read_text(encoding="utf-8").splitlines()
    exported = list(csv.DictReader(io.StringIO(outputs["export"]), strict=True))
    shared = [name for name in header.split(",") if name in exported[0]]
    assert len(exported) == 100
    of_csv = [{name: row[name] for name in shared} for row in csv.DictReader(io.StringIO("\n".join([header, *rows])))]
    assert {tuple(row[name] for name in shared) for row in exported} <= {tuple(row.values()) for row in of_csv}
