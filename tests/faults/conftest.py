"""Surroundings on a broker of the test's own, or on the shared broker for faults that do not touch it."""

import pytest

from tests.conftest import MakeCluster
from tests.integration.broker import Cluster
from tests.integration.conftest import own, sqlite, surroundings

__all__ = ["own", "sqlite", "surroundings"]


@pytest.fixture
def three_brokers(make_cluster: MakeCluster) -> Cluster:
    """Provide a cluster of three brokers that the test may break."""
    return make_cluster(brokers=3)
