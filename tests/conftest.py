"""Shared by all tests: markers by folder, brokers, unique names, and a closing summary of skipped tests."""

import asyncio
import gc
import itertools
import logging
import os
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from hypothesis import HealthCheck, settings

import tests.own_client  # noqa: F401 - before the client is patched
from fraudstream.kafka.patches import patch_aiokafka
from tests.fuzz import examples
from tests.integration.broker import Cluster, Line, kafka_line, why_unavailable
from tests.integration.pgbouncer import PgBouncer
from tests.integration.pgbouncer import why_unavailable as pgbouncer_why_unavailable
from tests.integration.postgres import Postgres
from tests.integration.postgres import why_unavailable as postgres_why_unavailable
from tests.missing import skip

_TESTS = Path(__file__).parent
_FOLDERS = ("unit", "contract", "training", "integration", "browser", "faults", "e2e")
_RUNNING_BROKER = "TEST_KAFKA_BOOTSTRAP_SERVERS"
_NO_BROKER = "needs real Kafka: "
_NO_POSTGRES = "needs real Postgres: "
_NO_POOLER = "needs a real pooler: "
_PREFIX = f"test-{uuid.uuid4().hex[:8]}"
_numbers = itertools.count(1)

# the time that an example takes depends on the load of the machine
settings.register_profile(
    "unhurried", max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

Names = Callable[[str], str]
MakeCluster = Callable[..., Cluster]


def pytest_configure() -> None:
    """Refuse an unknown TEST_KAFKA before anything is collected; patch the client, as a program does at its start."""
    try:
        kafka_line()
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    patch_aiokafka()


def pytest_report_header() -> str:
    """Name the Kafka that the tests start."""
    return f"kafka: {kafka_line()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test by its folder, run the fast folders first, deselect tests that this Kafka does not support."""
    if kafka_line() is not Line.ZOOKEEPER:
        about_zookeeper = [item for item in items if item.get_closest_marker("zookeeper")]
        config.hook.pytest_deselected(items=about_zookeeper)
        items[:] = [item for item in items if item not in about_zookeeper]
    for item in items:
        if _folder(item) in _FOLDERS:
            item.add_marker(_folder(item))
    items.sort(key=lambda item: _FOLDERS.index(_folder(item)) if _folder(item) in _FOLDERS else -1)


def pytest_collection_finish() -> None:
    """Exclude modules and collected tests from garbage collection: a full one took 0.13 s, without them 0.01 s."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Undo a test's configuration of logging, which would hide the lines of later tests."""
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        return (yield)
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        structlog.reset_defaults()


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """Provide the address of the shared broker: TEST_KAFKA_BOOTSTRAP_SERVERS, else a broker started here."""
    if running := os.environ.get(_RUNNING_BROKER):
        yield running
        asyncio.run(_delete_test_topics(running))
        return
    _require_jars()
    with Cluster() as cluster:
        yield cluster.bootstrap


@pytest.fixture
def make_cluster() -> Iterator[MakeCluster]:
    """Provide `make_cluster(brokers=3, properties={…})`, which starts a cluster that the test may break."""
    _require_jars()
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Cluster(**options))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Provide the shared Postgres server, in which each test has its own database."""
    require_postgres()
    with Postgres(fsync="off") as server:
        yield server


@pytest.fixture(scope="session")
def pooler(postgres: Postgres) -> Iterator[PgBouncer]:
    """Provide the PgBouncer in front of that server."""
    require_pooler()
    with PgBouncer(postgres) as server:
        yield server


@pytest.fixture(scope="session")
def own_cluster_is_possible() -> None:
    """Skip tests that start a cluster themselves where the jars are missing."""
    _require_jars()


@pytest.fixture
def own_cluster(make_cluster: MakeCluster) -> Cluster:
    """Provide one broker and ZooKeeper that the test may break."""
    return make_cluster()


@pytest.fixture
def names() -> Names:
    """Provide names of topics and groups, as `names("payments")`, that no other test has."""
    number = next(_numbers)
    return lambda name: f"{_PREFIX}-{number}-{name}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report how many broker tests were skipped, and why."""
    reports = terminalreporter.getreports("skipped")
    count = sum(_NO_BROKER in str(report.longrepr) for report in reports)
    if count:
        text = f"{count} tests on real Kafka were skipped: {why_unavailable()}"
        terminalreporter.write_line(text, yellow=True)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(_TESTS).parts[0]


def _require_jars() -> None:
    _require(_NO_BROKER, why_unavailable())


def require_postgres() -> None:
    """Skip the test where Postgres is missing; in CI, fail it."""
    _require(_NO_POSTGRES, postgres_why_unavailable())


def require_pooler() -> None:
    """Skip the test where PgBouncer is missing; in CI, fail it."""
    _require(_NO_POOLER, pgbouncer_why_unavailable())


def _require(needs: str, reason: str | None) -> None:
    if reason:
        skip(f"{needs}{reason}")


async def _delete_test_topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        ours = [topic for topic in await admin.list_topics() if topic.startswith(_PREFIX)]
        await admin.delete_topics(ours)
    finally:
        await admin.close()
