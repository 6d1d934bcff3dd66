"""`fraudstream erase` on real Kafka beside a running scorer and archiver: erased everywhere, all else unchanged."""

import base64
import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from fraudstream.csv_file.paths import all_files
from fraudstream.dead_letter import Place, dead_letter_headers
from fraudstream.payment import InvalidPayment
from tests.integration import tools
from tests.integration.archive import WAITS, Archive
from tests.integration.broker.deadline import wait_until
from tests.integration.erasing import CUSTOMER, NOW_MS, erase, erase_all, ids, letter, running, send, settle
from tests.integration.scorer import Message, Surroundings, payment
from tests.integration.topic import delete_records
from tests.scores import PAYMENT, One, scored_values

MEASURED = {"timestamp", "p50_ms", "p99_ms", "per_second", "waited_s"}
"""Fields of log entries that may equal an amount by chance."""

pytestmark = pytest.mark.partitions(2)


def test_beside_running_services(surroundings: Surroundings, archive: Archive) -> None:
    """Erasure by id and key covers rotated files; services then continue, verify is clean, rebuild restores nothing."""
    with running(surroundings, archive, CSV_ROTATE_BYTES="4000"):
        for first in (1, 101):
            send(surroundings, first, 100)
            surroundings.wait_until_committed()
        settle(surroundings, archive, 200, 4)
        before = {path: path.read_bytes() for path in all_files(surroundings.csv)}
        assert len(before) > 1
        dry = erase(archive, "--payment-id", "7", "--dry-run")
        assert dry.code == 0, dry.output
        assert {path: path.read_bytes() for path in before} == before
        key = base64.b64encode(CUSTOMER).decode()
        output = erase_all(archive, "--payment-id", "7", "--payment-id", "90", "--key-base64", key)
        assert "payments.db scored_payments" in output or "postgresql" in output
        left = [one for one in range(1, 201) if one % 10 and one != 7]
        assert ids(surroundings) == left
        assert sorted(int(one) for (one,) in archive.query("SELECT id FROM scored_payments")) == left
        assert archive.count("dead_letters") == 0
        send(surroundings, 201, 100)
        settle(surroundings, archive, len(left) + 100, 2)
        assert "found: no rows" in erase_all(archive, "--payment-id", "7")
    assert "21 erased" in tools.assert_well(surroundings)
    assert ids(surroundings) == [*left, *range(201, 301)]
    for path in all_files(surroundings.csv):
        path.unlink()
    tools.rebuild(surroundings)
    assert ids(surroundings) == [*left, *range(201, 301)]
    tools.assert_well(surroundings, "21 erased")


def test_nothing_is_left_in_the_file(surroundings: Surroundings, sqlite: Archive) -> None:
    """Neither SQLite's pages nor files beside it have the data, even after a kill before the file was rewritten."""
    with running(surroundings, sqlite):
        send(surroundings, 1, 100)
        settle(surroundings, sqlite, 100, 2)
        assert b"secret-of-90" in sqlite.file.read_bytes()
        assert erase(sqlite, "--payment-id", "90", "--yes", FAILPOINTS="erase_archived=kill").code == -9
        erase_all(sqlite, "--payment-id", "90")
        stored = b"".join(path.read_bytes() for path in sqlite.file.parent.glob("payments.db*"))
        assert b"secret-of-90" not in stored
        assert b"secret-of-customer" in stored


def test_records_not_yet_decided(surroundings: Surroundings, sqlite: Archive) -> None:
    """Records not yet scored or archived give exit code 1 and a line; the same command completes it later."""
    send(surroundings, 1, 20)
    done = erase(sqlite, "--payment-id", "7", "--yes")
    assert done.code == 1
    assert "1 records are not scored yet" in done.output
    surroundings.score()
    with sqlite.archiver() as archiver:
        settle(surroundings, sqlite, 20, 2)
        archiver.pause()
        with surroundings.scorer():
            send(surroundings, 1, 20)
            surroundings.wait_until_committed()
        done = erase(sqlite, "--payment-id", "7", "--yes")
        assert done.code == 1, done.output
        assert "are not archived yet" in done.output
        archiver.resume()
        settle(surroundings, sqlite, 39, 4)
        erase_all(sqlite, "--payment-id", "7")
        assert sqlite.count() == 38
    assert ids(surroundings) == sorted(one for one in [*range(1, 21)] * 2 if one != 7)


def test_a_topic_that_was_re_created(surroundings: Surroundings, sqlite: Archive) -> None:
    """Of the same places in two topics, only the present topic's payments are erased by key, in CSV and archive."""
    with running(surroundings, sqlite):
        surroundings.send([Message(payment(one), b"old") for one in range(1, 6)])
        settle(surroundings, sqlite, 5, 0)
    surroundings.recreate()
    surroundings.send([Message(payment(one), b"mine") for one in range(11, 16)])
    with surroundings.scorer() as scorer, sqlite.archiver() as archiver:
        settle(surroundings, sqlite, 10, 0)
        assert scorer.lines("CSV renamed")
        erase_all(sqlite, "--key", "mine")
        archiver.wait_until_ready()
    assert ids(surroundings) == [1, 2, 3, 4, 5]
    assert sorted(sqlite.query("SELECT id FROM scored_payments")) == [(str(one),) for one in range(1, 6)]


def test_forged_records_erase_nothing_of_others(surroundings: Surroundings, sqlite: Archive) -> None:
    """A writer to the output topics may name any place of the input; by id and by key, other payments stay."""
    topic = surroundings.settings["INPUT_TOPIC"]
    with running(surroundings, sqlite):
        surroundings.send([Message(payment(one), b"other", timestamp_ms=NOW_MS) for one in range(1, 6)])
        surroundings.send([Message(letter(90), timestamp_ms=NOW_MS), Message(payment(7), b"mine")])
        settle(surroundings, sqlite, 6, 1)
        for payment_id, key, offset in ((2, b"mine", 1), (7, b"x", 2), (7, b"mine", 3), (9, b"mine", 5)):
            one = One({**PAYMENT, "payment_id": payment_id}, 0.5, "review", "v1", NOW_MS, 0, offset)
            value = scored_values([one])[0]
            surroundings.send([Message(value, key, timestamp_ms=NOW_MS)], topic="SCORED_TOPIC")
        ours = dead_letter_headers(Place(topic, 0, 5, NOW_MS), InvalidPayment(reason="invalid_json", detail=""))
        named = [(name, value or b"") for name, value in ours]
        surroundings.send([Message(b'{"payment_id":7', b"mine", headers=named)], topic="DLQ_TOPIC")
        mine = "--payment-id", "7", "--key", "mine", "--yes"
        wait_until(lambda: erase(sqlite, *mine).code == 0, 60, "all is archived")
    assert ids(surroundings) == [1, 2, 3, 4, 5]
    assert sorted(sqlite.query("SELECT id FROM scored_payments")) == [(str(one),) for one in range(1, 6)]
    assert [value for (value,) in sqlite.query("SELECT value FROM dead_letters")] == [letter(90)]
    listed = surroundings.csv.with_name(f".{surroundings.csv.name}.erased").read_text().splitlines()
    assert [json.loads(entry)[2:4] for entry in listed] == [[0, 6]]


def test_the_beginnings_of_topics_deleted_afterwards(surroundings: Surroundings, sqlite: Archive) -> None:
    """After the steps of docs/privacy.md nothing is left in Kafka, and verify stays clean."""
    with running(surroundings, sqlite):
        send(surroundings, 1, 20)
        settle(surroundings, sqlite, 20, 2)
        erase_all(sqlite, "--payment-id", "7", "--payment-id", "90")
    listed = surroundings.csv.with_name(f".{surroundings.csv.name}.erased").read_text().splitlines()
    places = {(entry[2], entry[3]) for entry in map(json.loads, listed)}
    assert places == {(0, 10), (1, 3)}
    for topic, offsets in (("INPUT_TOPIC", {0: 11, 1: 4}), ("SCORED_TOPIC", {1: 4}), ("DLQ_TOPIC", {0: 1})):
        delete_records(surroundings.bootstrap, surroundings.settings[topic], offsets)
    tools.assert_well(surroundings)
    assert "Kafka keeps" not in erase_all(sqlite, "--payment-id", "7", "--payment-id", "90")


def test_a_locked_archive_is_waited_for(surroundings: Surroundings, sqlite: Archive) -> None:
    """The command waits while another program holds SQLite's lock."""
    with running(surroundings, sqlite):
        send(surroundings, 1, 20)
        settle(surroundings, sqlite, 20, 2)
    with closing(sqlite3.connect(sqlite.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        arguments = ("erase", "--payment-id", "7", "--yes")
        with surroundings.service("cli", *arguments, DATABASE_URL=sqlite.url) as service:
            service.wait_for(WAITS)
            other.execute("COMMIT")
            assert service.wait() == 0, service.output
    assert sqlite.count() == 19


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "nothing to erase"), (["--payment-id", "7"], "--yes"), (["--key-base64", "?", "--yes"], "not Base64")],
)
def test_refused_commands(surroundings: Surroundings, sqlite: Archive, arguments: list[str], said: str) -> None:
    """Without a name, or without a terminal to confirm, nothing is changed."""
    surroundings.send_payments(20)
    surroundings.score()
    before = surroundings.csv.read_bytes()
    done = erase(sqlite, *arguments)
    assert done.code in {1, 2}
    assert said in done.output
    assert surroundings.csv.read_bytes() == before


def test_no_payment_is_in_a_log(surroundings: Surroundings, sqlite: Archive) -> None:
    """With LOG_PAYMENTS=false, even at debug level, no line of producer, scorer and archiver has an id or an amount."""
    settings = {"LOG_PAYMENTS": "false", "LOG_LEVEL": "debug"}
    pace = {"PAYMENT_INTERVAL_S": "0.1", "PAYMENT_LIMIT": "80", "MALFORMED_RATE": "0.3", "SIMULATION_SEED": "1"}
    with surroundings.scorer(**settings) as scorer, sqlite.archiver(**settings) as archiver:
        with surroundings.service("producer", **settings, **pace) as producer:
            assert producer.wait() == 0, producer.output
        surroundings.wait_until_committed()
        wait_until(lambda: sqlite.count() + sqlite.count("dead_letters") == 80, 60, "archived")
        wait_until(lambda: bool(scorer.lines("payments scored")), 60, "a summary")
        lines = [line for service in (producer, scorer, archiver) for line in service.output.splitlines()]
    entries = [json.loads(line) for line in lines]
    output = json.dumps([{name: value for name, value in entry.items() if name not in MEASURED} for entry in entries])
    values = [str(value) for row in sqlite.query("SELECT id, amount FROM scored_payments") for value in row]
    assert len(values) > 20
    assert [value for value in values if value in output] == []
    assert "payment_id" not in output


def test_files_are_private(surroundings: Surroundings, sqlite: Archive) -> None:
    """Whatever the umask of the user who starts the services, the group can read all files and others none."""
    before = os.umask(0)
    try:
        with running(surroundings, sqlite, CSV_ROTATE_BYTES="1000"):
            for first in (1, 101):
                send(surroundings, first, 50)
                surroundings.wait_until_committed()
            settle(surroundings, sqlite, 100, 4)
        out = surroundings.csv.with_name("letters.jsonl")
        tools.succeed(surroundings, "dlq", "export", "--out", str(out))
        table = surroundings.folder / "mine.csv"
        table.write_text(
            "payment_id,amount,country_risk_score,failed_logins,transaction_hour,is_new_device\n"
            "1,1.5,0.5,0,1,0\n2,x,0.5,0,1,0\n"
        )
        tools.succeed(surroundings, "score", str(table))
        erase_all(sqlite, "--payment-id", "7")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in surroundings.csv.parent.iterdir()}
    tables = {"mine.scored.csv", "mine.scored.rejected.csv", "payments.db", "fraud_scores_stream.0001.csv"}
    assert modes.keys() >= {out.name, *tables}
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o007 or not mode & 0o040} == {}


def test_the_command_needs_what_its_image_has() -> None:
    """The command runs in the archiver's image, which has no model libraries."""
    code = "import sys, cli.erase.command; print(sorted({'joblib', 'pandas', 'sklearn'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, check=True).stdout == b"[]\n"


def test_a_command_without_a_choice_logs_one_line() -> None:
    """No line comes from the libraries that the command imports."""
    command = [sys.executable, "-m", "cli", "erase"]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    (line,) = (done.stdout + done.stderr).splitlines()
    assert "nothing to erase: name payments by --payment-id" in line
    assert done.returncode == 1
