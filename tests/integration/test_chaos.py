"""Half a minute of chaos, so that every change meets some; `make faults` and `make chaos` have more."""

import pytest

from tests.chaos.run import Plan, run


@pytest.mark.usefixtures("own_cluster_is_possible")
def test_a_short_storm() -> None:
    """Nothing is lost or repeated when processes die; about a minute with its drain."""
    result = run(Plan(seed=1, minutes=0.4))
    assert not result.findings, str(result)
    assert result.records > 10_000
