"""A storm of a minute, as `make chaos` makes longer ones."""

import pytest

from tests.chaos.run import Plan, run


@pytest.mark.usefixtures("own_cluster_is_possible")
def test_case_2_a_storm_of_a_minute() -> None:
    """Kills, stops, scaling, servers away, failpoints: nothing lost, nothing twice."""
    result = run(Plan(seed=4, minutes=1))
    assert not result.findings, str(result)
    assert result.records > 30_000
