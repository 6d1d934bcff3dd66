"""A storm of one minute; `make chaos` runs longer ones."""

import pytest

from tests.chaos.run import Plan, run


@pytest.mark.usefixtures("own_cluster_is_possible")
def test_case_2_a_storm_of_a_minute() -> None:
    """With kills, stops, scaling, unavailable servers and failpoints, nothing is lost and nothing repeated."""
    result = run(Plan(seed=4, minutes=1))
    assert not result.findings, str(result)
    assert result.records > 30_000
