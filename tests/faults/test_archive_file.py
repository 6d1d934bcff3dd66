"""SQLite's file while other programs use it: nothing is lost, and the log line names the action to take."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.integration.archive import WAITS, Archive, Stream, wait_for_reason
from tests.integration.scorer import Surroundings
from tests.integration.service import Service

pytestmark = pytest.mark.partitions(2)
WAL, NO_WAL = "database in WAL mode", "database out of WAL mode"
VIEWER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
print("open", flush=True)
sys.stdin.read()
"""
COUNT = "SELECT COUNT(*) FROM scored_payments"
SWITCH = "PRAGMA journal_mode=WAL"


@pytest.fixture
def stream(surroundings: Surroundings) -> Stream:
    """Return a stream as a scorer writes it, with 100 payments so far."""
    stream = Stream(surroundings)
    stream.write(100)
    return stream


@contextmanager
def viewer(sqlite: Archive, *statements: str) -> Iterator["subprocess.Popen[str]"]:
    """Run another program that executes these statements and keeps the file open."""
    command = [sys.executable, "-c", VIEWER, str(sqlite.file), *statements]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


def is_wal(sqlite: Archive) -> bool:
    """Return whether the file's header has WAL mode."""
    return sqlite.file.read_bytes()[18] == 2


def wait_until_out_of_wal(sqlite: Archive, service: Service) -> None:
    """Wait for the file's header; a query of this test could have the file open when the archiver tries to switch."""
    service.wait_until(lambda: not is_wal(sqlite), 60, "the file is out of WAL mode")


def test_a_viewer_switches_the_file_to_wal(sqlite: Archive, stream: Stream) -> None:
    """The archiver works in WAL mode, also when it starts or was killed in it, and leaves it in the end."""
    with sqlite.archiver() as first:
        sqlite.wait_until_archived(first)
        with viewer(sqlite, SWITCH, "BEGIN", COUNT):  # a transaction that it never ends
            sqlite.receive(stream, 50, first)
            first.wait_for(WAL)
            first.stop()
            with sqlite.archiver() as second:
                sqlite.receive(stream, 50, second)
                second.wait_for(WAL)
                second.kill()
            assert is_wal(sqlite)
            with sqlite.archiver() as third:
                sqlite.receive(stream, 50, third)
                third.wait_for(WAL)
                assert not [line for line in third.lines(WAITS) if line["reason"] != "no answer"]
                third.stop()
    with sqlite.archiver() as last:
        wait_until_out_of_wal(sqlite, last)
        sqlite.receive(stream, 50, last)
        assert not last.lines(WAL)
        last.stop()
    assert not list(sqlite.file.parent.glob("*-wal"))
    assert sqlite.assert_each_once() >= 300


def test_wal_mode_is_left_when_the_viewer_is_closed(sqlite: Archive, stream: Stream) -> None:
    """Without a restart, one of the next batches leaves WAL mode; a VACUUM in between does not prevent it."""
    with sqlite.archiver() as service:
        sqlite.wait_until_archived(service)
        with viewer(sqlite, SWITCH, COUNT, "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            stream.write(50)
            service.wait_for(WAL)
        with stream.writing(20):
            service.wait_for(NO_WAL)
        sqlite.wait_until_archived(service)
        assert not is_wal(sqlite)
        service.stop()
    sqlite.assert_each_once()


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
@pytest.mark.parametrize("change", ["deleted", "replaced by a copy"])
def test_the_file_is_deleted_while_in_use(sqlite: Archive, stream: Stream, mode: str, change: str) -> None:
    """In WAL mode, SQLite writes to a deleted file without an error; the archiver notices, and fills the new file."""
    copy = sqlite.file.with_name("copy.db")
    with sqlite.archiver() as service:
        sqlite.wait_until_archived(service)
        with closing(sqlite3.connect(sqlite.file)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        with viewer(sqlite, f"PRAGMA journal_mode={mode}", COUNT):
            sqlite.receive(stream, 50, service)
        if change == "deleted":
            sqlite.file.unlink()
        else:
            copy.replace(sqlite.file)
        stream.write(50)
        wait_for_reason(service, "moved, deleted or replaced")
        sqlite.wait_until_archived(service)
        service.stop()
    assert sqlite.assert_each_once() >= 200


def test_shared_memory_that_a_mount_does_not_offer(sqlite: Archive, stream: Stream) -> None:
    """A viewer left WAL mode on, and memory can't be shared: the archiver, alone on the file, turns it off."""
    sqlite.fill()
    with viewer(sqlite, SWITCH):
        pass
    for name in ("-wal", "-shm"):
        sqlite.file.with_name(sqlite.file.name + name).unlink(missing_ok=True)
    assert is_wal(sqlite)
    sqlite.file.with_name(sqlite.file.name + "-shm").mkdir()  # can't be mapped
    with sqlite.archiver() as second:
        wait_until_out_of_wal(sqlite, second)
        sqlite.receive(stream, 50, second)
        second.stop()
    assert sqlite.assert_each_once() >= 150


def test_files_of_a_viewer_that_may_not_be_written(sqlite: Archive, stream: Stream, surroundings: Surroundings) -> None:
    """The unwritable files of another user's killed viewer are named, and the archiver continues once they are gone."""
    sqlite.fill()
    with viewer(sqlite, SWITCH, "CREATE TABLE notes (text)"):
        pass
    beside = [sqlite.file.with_name(sqlite.file.name + name) for name in ("-wal", "-shm")]
    for file in beside:
        file.chmod(0o000)
    with surroundings.unprivileged("archiver", DATABASE_URL=sqlite.url) as second:
        wait_for_reason(second, "", f"let this user write outputs/{beside[0].name}")
        for file in beside:
            file.chmod(0o664)
        sqlite.receive(stream, 50, second)
        second.stop()
    assert sqlite.query("SELECT * FROM notes") == []
    assert sqlite.assert_each_once() >= 150


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_viewer_holds_a_lock(sqlite: Archive, stream: Stream, mode: str) -> None:
    """The archiver waits until the viewer's transaction ends; its log asks to end it."""
    with sqlite.archiver() as service:
        sqlite.wait_until_archived(service)
        with viewer(sqlite, f"PRAGMA journal_mode={mode}", "BEGIN IMMEDIATE", "CREATE TABLE notes (text)"):
            stream.write(50)
            wait_for_reason(service, "database is locked", "end its transaction, or close that program")
        sqlite.wait_until_archived(service)
        service.stop()
    assert sqlite.assert_each_once() >= 150


@pytest.mark.usefixtures("stream")
def test_a_file_that_is_not_a_database(sqlite: Archive) -> None:
    """A file that is not a database is left untouched; once it is moved, the archiver fills a new one."""
    sqlite.file.write_bytes(b"amount,decision\n" * 500)
    with sqlite.archiver() as service:
        wait_for_reason(service, "file is not a database", "DATABASE_URL")
        shutil.move(sqlite.file, sqlite.file.with_name("table.csv"))
        sqlite.wait_until_archived(service)
        service.stop()
    assert sqlite.file.with_name("table.csv").read_bytes() == b"amount,decision\n" * 500
    assert sqlite.assert_each_once() >= 100
