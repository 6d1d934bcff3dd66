"""Fixtures of the tests on real Kafka."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archives import sqlite_url
from tests.conftest import Names
from tests.integration.archive import SQLITE, Archive
from tests.integration.broker import Cluster
from tests.integration.pgbouncer import PgBouncer
from tests.integration.postgres import Postgres
from tests.integration.scorer import Surroundings


@pytest.fixture
def surroundings(request: pytest.FixtureRequest, kafka_bootstrap: str, names: Names, tmp_path: Path) -> Surroundings:
    """Create topics, a model and a folder; `pytest.mark.partitions(2)` sets the topics' partitions."""
    return Surroundings(kafka_bootstrap, names, tmp_path, *_partitions(request)).prepare()


@pytest.fixture
def own(request: pytest.FixtureRequest, own_cluster: Cluster, names: Names, tmp_path: Path) -> Surroundings:
    """Create the same on `own_cluster`, which may be broken."""
    return Surroundings(own_cluster.bootstrap, names, tmp_path, *_partitions(request)).prepare()


def _partitions(request: pytest.FixtureRequest) -> tuple[int, ...]:
    marker = request.node.get_closest_marker("partitions")
    return marker.args if marker else ()


@pytest.fixture
def sqlite(surroundings: Surroundings) -> Archive:
    """Provide an archive in a file."""
    return Archive(surroundings, SQLITE)


@pytest.fixture(params=["sqlite", "postgres", "pooler"])
def archive(request: pytest.FixtureRequest, surroundings: Surroundings, names: Names) -> Archive:
    """Provide an archive of each kind."""
    if request.param == "sqlite":
        return Archive(surroundings, SQLITE)
    server: Postgres | PgBouncer = request.getfixturevalue(request.param)
    return Archive(surroundings, server.database(names("archive")))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, names: Names) -> str:
    """Provide the address of an empty database of each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    server: Postgres = request.getfixturevalue("postgres")
    return server.database(names("archive"))


@pytest.fixture(scope="module")
def module_cluster(own_cluster_is_possible: None) -> Iterator[Cluster]:  # noqa: ARG001 - skips where there are no jars
    """Start a broker for the tests of one module, which may measure or damage its files."""
    with Cluster() as cluster:
        yield cluster
