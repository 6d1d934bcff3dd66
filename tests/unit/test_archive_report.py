"""The archiver's log of its progress."""

from structlog.testing import capture_logs
from tests.clock import Clock

from archiver.report import Report


def test_progress_is_logged_at_debug_level() -> None:
    """Every 10 s with traffic: the log of the stack has the payments from the scorer."""
    clock = Clock(1_000.0)
    report = Report(clock)
    with capture_logs() as lines:
        report.add({"scored_payments": 90, "dead_letters": 10}, 3)
        for _ in range(3):
            clock.go(10)
            report.tick(0)
    (line,) = lines
    assert line == {
        "event": "last 10 s",
        "log_level": "debug",
        "archived": 90,
        "dead_letters": 10,
        "replays": 0,
        "skipped": 3,
        "per_second": 10.0,
        "lag": 0,
    }


def test_records_that_wait_are_a_warning() -> None:
    """From the second interval on without any progress, and not after some."""
    clock = Clock(1_000.0)
    report = Report(clock)
    with capture_logs() as lines:
        for _ in range(3):
            clock.go(10)
            report.tick(7)
        report.add({"scored_payments": 1}, 0)
        for _ in range(2):
            clock.go(10)
            report.tick(6)
    shown = [(line["event"], line["lag"]) for line in lines if line["log_level"] == "warning"]
    assert shown == [("records wait unarchived", 7), ("records wait unarchived", 7)]
