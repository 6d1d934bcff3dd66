"""Blocked partitions: for how long, and how often that is logged."""

from structlog.testing import capture_logs
from tests.clock import Clock

from scorer.blocked import Blocked


def test_a_reason_is_logged_when_it_begins_and_ends_and_rarely() -> None:
    """A reason is logged when it begins, when it ends, and rarely between, whatever the retries and partitions."""
    clock = Clock()
    blocked = Blocked(clock)
    with capture_logs() as logs:
        for second in range(0, 1_500, 5):
            clock.now_s = second
            blocked.add({0: 7, 1: 9}, "too large")
            blocked.settle({0, 1, 2}, {0: 7, 2: 100})
            assert blocked.reason == "too large"
        blocked.settle({0, 1}, {0: 8, 1: 9})
        assert blocked.reason == "too large"
        blocked.settle({0, 1}, {0: 8, 1: 10})
        assert blocked.reason is None
    assert [line["event"] for line in logs] == ["scoring blocked"] * 3 + ["scoring resumed"]


def test_another_member_takes_it_over() -> None:
    """A partition that another member has taken over is no longer reported."""
    blocked = Blocked()
    blocked.add({3: 1}, "a")
    blocked.settle({4}, {})
    assert blocked.reason is None


def test_several_reasons() -> None:
    """All reasons are reported; one that is replaced by another has not ended."""
    blocked = Blocked()
    with capture_logs() as logs:
        blocked.add({0: 1, 1: 1}, "a")
        blocked.add({1: 1}, "b")
        assert blocked.reason == "a; b"
        blocked.add({0: 1}, "b")
        blocked.settle({0, 1}, {0: 1, 1: 1})
        assert blocked.reason == "b"
    assert [(line["event"], line["reason"]) for line in logs] == [("scoring blocked", "a"), ("scoring blocked", "b")]
