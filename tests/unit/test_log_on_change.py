"""Log lines that are written when a reason changes, or every N seconds."""

import structlog
from structlog.testing import capture_logs
from tests.clock import Clock

from fraudstream.runtime.log_on_change import Every, LogOnChange


def test_an_interval_begins_again_when_it_is_over() -> None:
    """It reports the seconds since it began, which may be more than the interval."""
    clock = Clock(1_000.0)
    every = Every(10.0, clock)
    clock.go(9)
    assert not every.due()
    clock.go(3)
    assert every.due() == 12.0
    clock.go(9)
    assert not every.due()


def test_an_interval_may_be_over_at_once() -> None:
    """The next one begins at the first call."""
    clock = Clock(1_000.0)
    every = Every(10.0, clock, at_once=True)
    assert every.due()
    assert not every.due()
    clock.go(10)
    assert every.due() == 10.0


def test_a_reason_is_logged_when_it_changes() -> None:
    """A reason that lasts is logged once; one that recurs after its end, or after another, is logged again."""
    change = LogOnChange(structlog.get_logger().error, "refused")
    with capture_logs() as lines:
        for reason in ("disk full", "disk full", "no network", "disk full", None, "disk full", ""):
            change.report(reason, action="retrying")
    assert [line.get("reason") for line in lines] == ["disk full", "no network", "disk full", "disk full", None]
    assert {(line["event"], line["action"], line["log_level"]) for line in lines} == {("refused", "retrying", "error")}


def test_a_reason_that_lasts_is_repeated() -> None:
    """The interval begins at the last line, also if that line had another reason."""
    clock = Clock(1_000.0)
    change = LogOnChange(structlog.get_logger().warning, "waiting", 10.0, clock)
    with capture_logs() as lines:
        change.report("")
        clock.go(9)
        change.report("")
        change.report("no broker")
        clock.go(9)
        change.report("no broker")
        clock.go(1)
        change.report("no broker")
    assert [line.get("reason") for line in lines] == [None, "no broker", "no broker"]


def test_the_end_is_reported_once() -> None:
    """An unknown reason is a reason too."""
    change = LogOnChange(structlog.get_logger().warning, "waiting")
    assert not change.end()
    change.report("")
    reasons = [change.reason]
    assert change.end()
    assert not change.end()
    assert [*reasons, change.reason] == ["", None]
