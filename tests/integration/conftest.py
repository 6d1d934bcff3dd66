"""Fixtures of the tests on real Kafka."""

from pathlib import Path

import pytest

from tests.conftest import Names
from tests.integration.scorer import Surroundings


@pytest.fixture
def surroundings(kafka_bootstrap: str, names: Names, tmp_path: Path) -> Surroundings:
    """Create topics, a model and a folder."""
    return Surroundings(kafka_bootstrap, names, tmp_path).prepare()
