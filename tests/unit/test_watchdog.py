"""Conditions in which a process is ended because it makes no progress."""

import asyncio

from structlog.testing import capture_logs
from tests.clock import Clock

from scorer.watchdog import EXIT_STALLED, Watchdog


def watched(patience_s: float = 60.0) -> tuple[Clock, list[int], Watchdog]:
    """Return a watchdog, its clock and the exit codes that it requested."""
    clock, ends = Clock(), list[int]()
    return clock, ends, Watchdog(patience_s, clock, ends.append)


def check_for(watchdog: Watchdog, clock: Clock, seconds: int) -> None:
    """Let `seconds` pass, and check each second."""
    for _ in range(seconds):
        clock.go(1)
        watchdog.look()


def test_no_progress_ends_the_process() -> None:
    """After the time limit the process exits with a non-zero code and a log line."""
    clock, ends, watchdog = watched()
    with capture_logs() as logs:
        check_for(watchdog, clock, 60)
        assert ends == []
        check_for(watchdog, clock, 1)
    assert ends == [EXIT_STALLED]
    assert EXIT_STALLED != 0
    assert logs[0]["event"] == "stalled"


def test_progress_restarts_the_time_limit() -> None:
    """The limit restarts with any progress, at any pace."""
    clock, ends, watchdog = watched()
    for _ in range(10):
        check_for(watchdog, clock, 59)
        watchdog.progress()
    assert ends == []


def test_a_stopped_process_is_not_blamed_for_the_pause() -> None:
    """SIGSTOP, or the sleep of a machine, is not a stall."""
    clock, ends, watchdog = watched()
    clock.go(3_600)
    check_for(watchdog, clock, 60)
    assert ends == []
    check_for(watchdog, clock, 2)
    assert ends == [EXIT_STALLED]


def probe_once(lag: int | None) -> tuple[Clock, Watchdog, list[int]]:
    """Probe a watchdog that has seen no progress for half its time limit."""
    clock, ends, watchdog = watched(0.04)

    async def probe() -> None:
        requested = asyncio.Event()

        async def answer() -> int | None:
            requested.set()
            return lag

        task = asyncio.create_task(watchdog.probe(answer))
        clock.go(0.02)
        await asyncio.wait_for(requested.wait(), 60)
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(probe())
    return clock, watchdog, ends


def test_no_lag_or_no_broker_is_not_a_stall() -> None:
    """Without work, or without a broker that answers, there is no stall."""
    for lag in (0, None):
        clock, watchdog, ends = probe_once(lag)
        clock.go(0.03)
        watchdog.look()
        assert ends == []


def test_lag_is_not_progress() -> None:
    """The time limit continues to run."""
    clock, watchdog, ends = probe_once(5)
    clock.go(0.03)
    watchdog.look()
    assert ends == [EXIT_STALLED]
