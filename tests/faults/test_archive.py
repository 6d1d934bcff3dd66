"""Archiver, database and Kafka fail, in every order: each committed record is a row once, and no aborted one is."""

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random

import pytest

from fraudstream.runtime import failpoints
from tests.conftest import MakeCluster, Names, require_pooler, require_postgres
from tests.integration.archive import PARTITIONS, SQLITE, WAITS, Archive, Stream
from tests.integration.broker import Cluster
from tests.integration.broker.deadline import wait_until
from tests.integration.pgbouncer import PgBouncer
from tests.integration.postgres import Postgres
from tests.integration.scorer import Surroundings
from tests.integration.service import Service

pytestmark = pytest.mark.partitions(PARTITIONS)
SMALL = "100"
MOVED = "positions moved by another archiver"


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    """Return a server that a test may break but must restore at its end; its commits are synced."""
    require_postgres()
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def own_pooler(own_postgres: Postgres) -> Iterator[PgBouncer]:
    """Put a pooler in front of that server, with one session for all archivers."""
    require_pooler()
    with PgBouncer(own_postgres, sessions=1) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres", "pooler"])
def archive(request: pytest.FixtureRequest, surroundings: Surroundings, names: Names) -> Archive:
    """Return an archive of each kind."""
    if request.param == "sqlite":
        return Archive(surroundings, SQLITE)
    server: Postgres | PgBouncer = request.getfixturevalue(f"own_{request.param}")
    return Archive(surroundings, server.database(names("archive")))


def assert_continues(archive: Archive, count: int) -> None:
    """Check that a new archiver logs no problem and that all committed records are there once."""
    with archive.archiver() as service:
        service.wait_until_ready()
        archive.wait_until_archived(service)
        for problem in ("retention passed", "topic recreated", "Kafka cluster changed", MOVED):
            assert not service.lines(problem), service.output
        service.stop()
    assert archive.assert_each_once() >= count


@pytest.mark.parametrize("step", failpoints.ARCHIVER_NAMES)
def test_killed_at_each_step(archive: Archive, surroundings: Surroundings, step: str) -> None:
    """The archiver is killed within the transaction, with all rows written, and after the commit; nothing is lost."""
    stream = Stream(surroundings)
    stream.write(1_000)
    stream.write(100, commit=False)
    with archive.archiver(FAILPOINTS=f"{step}=kill@3", ARCHIVE_BATCH_RECORDS=SMALL) as service:
        service.wait_until_killed()
    assert_continues(archive, 1_000)


def test_a_database_that_dies_and_is_paused(surroundings: Surroundings, own_postgres: Postgres, names: Names) -> None:
    """The archiver waits for a database that is killed under load, then stopped for long; then both are killed."""
    archive, stream = Archive(surroundings, own_postgres.database(names("archive"))), Stream(surroundings)
    server = own_postgres.server
    with stream.writing(200), archive.archiver(ARCHIVE_BATCH_RECORDS=SMALL) as service:
        _wait_for_rows(archive, service)
        server.kill()
        service.wait_for(WAITS)
        server.start()
        service.wait_for("database available")
        _wait_for_rows(archive, service)
        with own_postgres.paused():
            waits = partial(service.lines, WAITS)
            wait_until(lambda: waits()[-1]["reason"] == "no answer", 60, "no answer is logged")
            wait_until(lambda: "no answer" in service.heartbeat, 60, "unready, with the reason")
        service.wait_for("database available", count=2)
        _wait_for_rows(archive, service)
        service.kill()
        server.kill()
        server.start()
    assert_continues(archive, stream.written)


def test_stopped_while_the_database_is_paused(surroundings: Surroundings, own_postgres: Postgres, names: Names) -> None:
    """The archiver exits within its grace period, and the next one continues."""
    archive, stream = Archive(surroundings, own_postgres.database(names("archive"))), Stream(surroundings)
    with archive.archiver() as service:
        archive.receive(stream, 100, service)
        with own_postgres.paused():
            stream.write(100)
            service.wait_for(WAITS)
            service.stop()
    assert_continues(archive, 200)


def test_two_archivers_together(archive: Archive, surroundings: Surroundings) -> None:
    """Two archivers take turns and write nothing twice; one is killed, the other continues. Each logs it only once."""
    stream = Stream(surroundings)
    with stream.writing(100), archive.archiver(ARCHIVE_BATCH_RECORDS=SMALL) as first:
        _wait_for_rows(archive, first)
        with archive.archiver(ARCHIVE_BATCH_RECORDS=SMALL) as second:
            wait_until(lambda: bool(first.lines(MOVED) + second.lines(MOVED)), 60, "noticed")
            _wait_for_rows(archive, second)
            assert len(first.lines(MOVED)) <= 1
            assert len(second.lines(MOVED)) <= 1
            first.kill()
            _wait_for_rows(archive, second)
    assert_continues(archive, stream.written)


def test_a_file_that_others_use(surroundings: Surroundings, sqlite: Archive) -> None:
    """A reader in the middle of its query, then a writer, for longer than SQLite waits, break nothing."""
    archive, stream = sqlite, Stream(surroundings)
    stream.write(500)
    with archive.archiver() as service:
        archive.wait_until_archived(service)
        for statement in ("BEGIN; SELECT COUNT(*) FROM scored_payments", "BEGIN IMMEDIATE"):
            before = len(service.lines(WAITS))
            other = sqlite3.connect(archive.file, isolation_level=None)
            for part in statement.split("; "):
                cursor = other.execute(part)
                cursor.fetchone() if part.startswith("SELECT") else None
            stream.write(50)
            line = service.wait_for(WAITS, count=before + 1)[-1]
            assert line["reason"] in {"database is locked", "no answer"}
            other.close()
            archive.wait_until_archived(service)
    assert_continues(archive, 600)


def test_a_disk_that_is_full(surroundings: Surroundings) -> None:
    """The archiver waits for room on the disk, with the reason in its log, and then continues; nothing is lost."""
    archive, stream = Archive(surroundings, SQLITE), Stream(surroundings)
    with archive.archiver() as service:
        archive.receive(stream, 100, service)
        limit = archive.file.stat().st_size + 1_000
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        stream.write(2_000)
        _wait_for_reason(service, "disk")
        resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        service.wait_for("database available")
        archive.wait_until_archived(service)
    assert_continues(archive, 2_100)


def test_a_folder_that_is_read_only(surroundings: Surroundings) -> None:
    """An archiver without rights on the folder waits; a file that is deleted while in use is created again."""
    archive, stream = Archive(surroundings, SQLITE), Stream(surroundings)
    stream.write(100)
    archive.file.parent.chmod(0o555)
    with surroundings.unprivileged("archiver", DATABASE_URL=archive.url) as service:
        _wait_for_reason(service, "unable to open database file")
        archive.file.parent.chmod(0o777)
        archive.wait_until_archived(service)
        archive.file.unlink()
        archive.receive(stream, 100, service)
    assert_continues(archive, 200)


def test_kafka_restarts(own: Surroundings, own_cluster: Cluster) -> None:
    """Kafka is killed and restarted under load, then with a database of its own state: nothing is lost or repeated."""
    archive, stream = Archive(own, SQLITE), Stream(own)
    with stream.writing(200), archive.archiver(ARCHIVE_BATCH_RECORDS=SMALL) as service:
        _wait_for_rows(archive, service)
        own_cluster.broker.kill()
        own_cluster.broker.start()
        _wait_for_rows(archive, service)
    assert_continues(archive, stream.written)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_storm(make_cluster: MakeCluster, names: Names, tmp_path: Path, kind: str) -> None:
    """Archivers, database and a broker are killed, paused and doubled, seeded: nothing is lost or repeated."""
    with ExitStack() as stack:
        server = None
        if kind == "postgres":
            require_postgres()
            server = stack.enter_context(Postgres())
        cluster = make_cluster()
        surroundings = Surroundings(cluster.bootstrap, names, tmp_path, PARTITIONS).prepare()
        archive = Archive(surroundings, server.database("archive") if server else SQLITE)
        stream = Stream(surroundings)
        with stream.writing(150):
            _apply_faults(Random(5), archive, cluster, server)
        assert_continues(archive, stream.written)
        assert stream.written > 2_000


def _apply_faults(random: Random, archive: Archive, cluster: Cluster, server: Postgres | None) -> None:
    """Apply each disturbance after some more rows are there, or after a while without any."""
    blows = ["kill", "pause", "double", "kafka", "both", "sleep", "kill"]
    random.shuffle(blows)
    with ExitStack() as stack:
        start: Callable[[], Service] = lambda: stack.enter_context(  # noqa: E731 - uses the stack
            archive.archiver(ARCHIVE_BATCH_RECORDS=SMALL)
        )
        service = start()
        for blow in blows:
            _wait_for_rows(archive, service, rows=random.randrange(1, 600))
            if blow in {"kill", "both"}:
                service.kill()
            if blow == "both" and server:
                server.server.kill()
                server.server.start()
            if blow == "sleep" and server:
                server.pause()
                service.wait_for(WAITS, count=len(service.lines(WAITS)) + 1)
                server.resume()
            if blow == "kafka":
                cluster.broker.kill()
                cluster.broker.start()
            if blow == "pause":
                service.pause()
                other = start()
                # one that is frozen within a transaction may hold SQLite's lock until it continues
                wait_until(partial(_works_or_waits, other), 120, "the other one works or waits")
                service.resume()
                _wait_for_rows(archive, service)
                other.kill()
            if blow == "double":
                start()
            if not service.running:
                service = start()


def _wait_for_reason(service: Service, reason: str) -> None:
    """Wait until the log has the reason for which it waits; before that it may just have had no answer."""
    lines = partial(service.lines, WAITS)
    wait_until(lambda: any(reason in line["reason"] for line in lines()), 60, f"logged reason: {reason}")


def _works_or_waits(service: Service) -> bool:
    """Return whether the service archives, or has logged the reason for which it waits."""
    return service.is_ready or bool(service.lines(WAITS))


def _wait_for_rows(archive: Archive, service: Service, rows: int = 300) -> None:
    """Wait until `rows` more rows are there."""
    before = archive.count()
    service.wait_until(lambda: archive.count() >= before + rows, 60, f"{rows} more rows")
