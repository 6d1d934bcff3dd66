"""Surroundings on a broker of the test's own, or on the shared broker for faults that do not touch it."""

from pathlib import Path

import pytest

from tests.conftest import MakeCluster, Names
from tests.integration.broker import Cluster
from tests.integration.conftest import sqlite, surroundings
from tests.integration.scorer import Surroundings

__all__ = ["sqlite", "surroundings"]


@pytest.fixture
def own(own_cluster: Cluster, names: Names, tmp_path: Path) -> Surroundings:
    """Create topics, a model and a folder on `own_cluster`, which may be broken."""
    return Surroundings(own_cluster.bootstrap, names, tmp_path).prepare()


@pytest.fixture
def three_brokers(make_cluster: MakeCluster) -> Cluster:
    """Provide a cluster of three brokers that the test may break."""
    return make_cluster(brokers=3)
