"""Surroundings on a broker of the test's own, or on the shared broker for faults that do not touch it."""

from pathlib import Path

import pytest

from tests.conftest import Names
from tests.integration.broker import Cluster
from tests.integration.scorer import Surroundings


@pytest.fixture
def surroundings(kafka_bootstrap: str, names: Names, tmp_path: Path) -> Surroundings:
    """Create topics, a model and a folder; the broker is shared, so it must not be touched."""
    return Surroundings(kafka_bootstrap, names, tmp_path).prepare()


@pytest.fixture
def own(own_cluster: Cluster, names: Names, tmp_path: Path) -> Surroundings:
    """Create topics, a model and a folder on `own_cluster`, which may be broken."""
    return Surroundings(own_cluster.bootstrap, names, tmp_path).prepare()
