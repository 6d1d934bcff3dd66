"""The archiver on real Kafka, into SQLite and into real Postgres."""

import json
import sqlite3
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.database import Database, address
from archiver.rows import Rows
from archiver.schema import METADATA
from archiver.store import Store
from fraudstream.runtime.settings import TopicSettings
from tests.conftest import Names
from tests.integration.archive import STAMP_MS, Archive, Stream, wait_for_reason
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import scored
from tests.integration.postgres import PASSWORD, Postgres
from tests.integration.scorer import Message, Surroundings
from tests.integration.service import Service
from tests.integration.topic import add_partitions, delete_records
from tests.scores import FORMAT, Record
from tests.strange import NOW, letter_records, scored_records

PARTITIONS = 2
pytestmark = pytest.mark.partitions(PARTITIONS)


def metric(service: Service, name: str) -> float:
    """Return the sum of a metric's series."""
    lines = service.get("/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_what_is_committed_is_archived_once(archive: Archive, surroundings: Surroundings) -> None:
    """Payments, dead letters and markers of a scorer are archived, aborted records are not; the views show them."""
    stream = Stream(surroundings)
    stream.write(300)
    stream.write(200, commit=False)
    others = [Message(b"\xff\x00{", headers=[("dlq.reason", b"\x00")]), Message(None), Message(b'{"payment_id":1}')]
    for topic in ("SCORED_TOPIC", "DLQ_TOPIC"):
        surroundings.send(others, topic)
    with archive.archiver(METRICS_PORT="0") as first:
        archive.receive(stream, 100, first)
        first.wait_until_ready()
        wait_until(lambda: metric(first, "fraudstream_archive_lag_records") == 0, 60, "no lag")
        assert metric(first, "fraudstream_archive_records_skipped_total") == 6
        assert metric(first, "fraudstream_archive_rows_total") == 408
        first.stop()
    with archive.archiver() as second:
        archive.receive(stream, 50, second)
        second.stop()
    assert archive.assert_each_once() == 450 + 3 * 3 + 3
    assert archive.query("SELECT SUM(payments), SUM(blocked), SUM(flagged) FROM hourly_fraud") == archive.query(
        "SELECT COUNT(*), SUM(CASE decision WHEN 'block' THEN 1 ELSE 0 END), "
        "SUM(CASE decision WHEN 'approve' THEN 0 ELSE 1 END) FROM scored_payments"
    )
    ((hour,),) = archive.query("SELECT DISTINCT CAST(hour AS text) FROM hourly_fraud")
    assert hour[:13].replace(" ", "T") == "2026-09-21T14"
    amounts = [amount for (amount,) in archive.query("SELECT amount FROM top_blocked")]
    assert len(amounts) == 100
    assert amounts == sorted(amounts, reverse=True)
    assert archive.query("SELECT model_version, payments, challenger_version FROM model_comparison") == [
        ("0123456789ab", 450, None)
    ]
    assert archive.query("SELECT COUNT(*) FROM open_dead_letters") == [(6,)]
    headers = archive.query("SELECT DISTINCT CAST(headers AS text) FROM dead_letters")
    assert [json.loads(text) for (text,) in headers] == [[{"name": "own", "base64": "/w=="}]]


def test_a_challenger_is_compared(archive: Archive, surroundings: Surroundings) -> None:
    """The comparison uses the least probabilities that the champion reviewed and blocked."""
    at = "2026-09-21T14:13:30.000Z"
    verdicts = [(0.1, "approve", 0.2), (0.5, "review", 0.95), (0.9, "block", 0.95), (0.95, "block", 0.1)]
    surroundings.send(
        [
            scored(
                number,
                at,
                partition=0,
                fraud_probability=ours,
                decision=decision,
                challenger_probability=theirs,
                challenger_version="next",
                reasons=[{"field": "amount", "contribution": 1.5, "text": "so \u0000 \u00fc"}],
            )
            for number, (ours, decision, theirs) in enumerate(verdicts)
        ],
        "SCORED_TOPIC",
    )
    archive.fill()
    ((agreement, difference),) = archive.query("SELECT agreement, mean_difference FROM model_comparison")
    assert (float(agreement), round(float(difference), 6)) == (0.5, 0.3625)
    (reasons,) = archive.query("SELECT CAST(reasons AS text) FROM top_blocked LIMIT 1")[0]
    assert json.loads(reasons)[0]["text"] == "so \\x00 \u00fc"


def test_a_repeated_record_is_one_row(sqlite: Archive, surroundings: Surroundings) -> None:
    """A record repeated by an uncertain commit is one row; the same place with another timestamp is another payment."""
    record = scored(7, "2026-09-21T14:13:30.000Z", partition=0)
    record.timestamp_ms = STAMP_MS
    other = scored(7, "2026-09-21T14:13:30.000Z", partition=0)
    other.timestamp_ms = STAMP_MS + 1
    surroundings.send([record, record, other, record], "SCORED_TOPIC")
    with sqlite.archiver(METRICS_PORT="0") as service:
        service.wait_until_ready()
        wait_until(lambda: metric(service, "fraudstream_archive_rows_there_total") == 2, 60, "two markers are found")
        assert sqlite.count() == 2
        service.stop()


def test_records_deleted_by_retention_are_logged(sqlite: Archive, surroundings: Surroundings) -> None:
    """Deleted records are logged with partition, range and count; reading resumes after them, new partitions from 0."""
    stream, topic = Stream(surroundings), surroundings.settings["SCORED_TOPIC"]
    stream.write(40)
    sqlite.fill()
    stream.write(40)
    delete_records(surroundings.bootstrap, topic, {0: 30})
    with sqlite.archiver() as second:
        (line,) = second.wait_for("retention passed")
        assert (line["topic"], line["partition"], line["level"]) == (topic, 0, "error")
        assert line["first"] in {20, 21}  # after the last payment, or after its transaction's marker
        assert (line["last"], line["lost"]) == (29, 30 - line["first"])
        for name in surroundings.topics:
            add_partitions(surroundings.bootstrap, name, PARTITIONS + 1)
        surroundings.send([scored(9, "2026-09-21T14:13:30.000Z", partition=PARTITIONS)], "SCORED_TOPIC")
        wait_until(lambda: sqlite.count() == 40 + 20 + 11 + 1, 60, "the rest, and the new partition's rows")
        second.stop()


@pytest.mark.parametrize("longer", [False, True], ids=["shorter", "longer"])
def test_a_re_created_topic_is_read_from_its_beginning(
    sqlite: Archive, surroundings: Surroundings, *, longer: bool
) -> None:
    """The topic is recognized by an end before our position, or by another record at the last position read."""
    Stream(surroundings).write(40)
    sqlite.fill()
    surroundings.recreate("SCORED_TOPIC")
    count = 100 if longer else 10
    Stream(surroundings).write(count, stamp_ms=STAMP_MS + 1_000_000)
    with sqlite.archiver() as second:
        second.wait_for("topic recreated", count=PARTITIONS)
        wait_until(lambda: sqlite.count() == 40 + count, 60, "both topics' rows")
        assert "retention passed" not in second.stop()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(scored_records, max_size=20), st.lists(letter_records, max_size=20))
def test_any_record_is_stored_or_skipped(archive: Archive, payments: list[Record], letters: list[Record]) -> None:
    """Any record is either skipped or makes a row that the database accepts or already has."""
    file = f"sqlite:///{archive.file}" if archive.url.startswith("sqlite") else archive.url
    topics = TopicSettings.from_env({})
    made = Rows(FORMAT.schema, topics).batch({(topics.scored, 0): payments, (topics.dlq, 1): letters}, NOW)
    database = Database(address(file))
    new = Store(database=database).write("cluster", made, [], NOW)
    database.close()
    assert all(0 <= new[table] <= len(rows) for table, rows in made.rows.items())
    assert len(made) + sum(made.skipped.values()) == len(payments) + len(letters)


def test_schema_is_that_of_the_migrations(archive: Archive) -> None:
    """The code writes the schema of Alembic's migrations, created once even if two archivers start together."""
    with archive.archiver() as first, archive.archiver() as second:
        wait_until(lambda: first.is_ready and second.is_ready, 60, "ready")
        made = [line for service in (first, second) for line in service.lines("schema upgraded")]
        assert [line["version"] for line in made] == ["0003"]
        assert "Traceback" not in first.stop() + second.stop()
    url = archive.url if archive.url.startswith("postgres") else f"sqlite:///{archive.file}"
    with Database(address(url)).transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_newer_schema_is_refused(archive: Archive) -> None:
    """A newer schema is refused with a clear line and exit code 1, and nothing is changed."""
    with archive.archiver() as first:
        first.wait_until_ready()
        first.stop()
    statement = "UPDATE alembic_version SET version_num = '9999'"
    if archive.url.startswith("postgres"):
        with psycopg.connect(archive.url) as connection:
            connection.execute(statement)
    else:
        with sqlite3.connect(archive.file) as file:
            file.execute(statement)
        file.close()
    with archive.archiver() as second:
        assert "9999" in second.wait_for_failure()


@pytest.mark.parametrize(
    ("wrong", "variable"),
    [
        ({"DATABASE_URL": "secret"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://a:secret@h:port/d"}, "DATABASE_URL"),
        ({"DATABASE_URL_FILE": "nowhere"}, "DATABASE_URL_FILE"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named(tmp_path: Path, wrong: dict[str, str], variable: str) -> None:
    """A wrong setting is named at start, without its value, which may hold a password."""
    with Service(tmp_path, "archiver", {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", **wrong}) as service:
        assert service.wait_for_failure().startswith(f"{variable}: ")
        assert "secret" not in service.output
        assert "Traceback" not in service.output


def test_a_password_is_waited_for_and_never_logged(
    surroundings: Surroundings, postgres: Postgres, names: Names
) -> None:
    """With a wrong password, then no database, the archiver logs why it waits, and resumes. The URL is in a file."""
    stream = Stream(surroundings)
    stream.write(20)
    name = names("later")
    archive = Archive(surroundings, postgres.address(name))
    file = surroundings.folder / "address"
    file.write_text(postgres.address(name, "wr0ng"), encoding="utf-8")
    with surroundings.service("archiver", DATABASE_URL_FILE=str(file)) as wrong:
        wait_for_reason(wrong, "password authentication failed")
        wait_until(lambda: "password authentication failed" in wrong.heartbeat, 60, "its health check shows the reason")
        assert "wr0ng" not in wrong.output + wrong.heartbeat
        wrong.stop()
    file.write_text(archive.url + "\n", encoding="utf-8")
    with surroundings.service("archiver", DATABASE_URL_FILE=str(file)) as right:
        wait_for_reason(right, "does not exist")
        postgres.database(name)
        right.wait_for("database available")
        archive.wait_until_archived(right)
        assert PASSWORD not in right.stop()
    archive.assert_each_once()


def test_old_rows_are_deleted(archive: Archive, surroundings: Surroundings) -> None:
    """Rows are deleted by the time of their score, and no others; in more than one batch."""
    days = ["2020-01-01T00:00:00.000Z"] * 6_000 + ["2999-01-01T00:00:00.000Z"] * 10
    surroundings.send([scored(number, day, partition=0) for number, day in enumerate(days)], "SCORED_TOPIC")
    with archive.archiver() as first:
        wait_until(lambda: archive.count() == 6_010, 60, "all rows are there")
        assert archive.query("SELECT COUNT(*) FROM scored_payments WHERE scored_at > '2900-01-01'") == [(0,)]
        first.stop()
    with archive.archiver(ARCHIVE_RETENTION_DAYS="30") as second:
        second.wait_for("old rows deleted", count=2)
        assert [line["rows"] for line in second.lines("old rows deleted")] == [5_000, 1_000]
        assert archive.count() == 10
        second.stop()
