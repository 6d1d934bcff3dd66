"""The storm's schedule: seeded, with each kind, and servers never disturbed one right after the other."""

from itertools import islice, pairwise
from typing import get_args

import pytest
from tests.chaos.schedule import SERVERS, Disturbance, Kind, schedule

from fraudstream.runtime import failpoints

SEEDS = range(20)


def first(count: int, seed: int) -> list[Disturbance]:
    """Return the beginning of that storm."""
    return list(islice(schedule(seed, 3, 6), count))


def test_same_seed_same_schedule() -> None:
    """A failure can be repeated by its seed."""
    assert first(100, 7) == first(100, 7)
    assert first(100, 7) != first(100, 8)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_kind_comes(seed: int) -> None:
    """Little more than one deck holds each kind."""
    assert {one.kind for one in first(32, seed)} == set(get_args(Kind))


@pytest.mark.parametrize("seed", SEEDS)
def test_particulars_fit_the_kind(seed: int) -> None:
    """Stops are longer than the session or shorter, failpoints can be armed, scaling stays within its bounds."""
    for one in first(200, seed):
        assert 0 <= one.pick < 1
        assert 0 < one.wait_s <= 7
        assert (one.kind == "failpoint") == bool(one.failpoint)
        assert one.kind != "long stop" or 16 <= one.hold_s <= 22
        assert (one.kind == "scale") == bool(one.replicas)
        assert 0 <= one.replicas <= 7


@pytest.mark.parametrize("seed", SEEDS)
def test_servers_not_one_after_the_other(seed: int) -> None:
    """Disturbances of servers are not consecutive, as they would need all the time."""
    places = [number for number, one in enumerate(first(200, seed)) if one.kind in SERVERS]
    assert all(later - earlier > 3 for earlier, later in pairwise(places))


def test_all_failpoints_come_in_time() -> None:
    """Every failpoint with every action comes within a few storms."""
    armed = {one.failpoint.split("@")[0] for seed in SEEDS for one in first(40, seed) if one.failpoint}
    assert armed == {f"{name}={action}" for name in failpoints.SCORER_NAMES for action in ("kill", "stop", "fail")}
