"""When a process is ended for making no progress, and when not."""

import asyncio

from structlog.testing import capture_logs

from scorer.watchdog import EXIT_STALLED, Watchdog


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


def watched(patience_s: float = 60.0) -> tuple[Clock, list[int], Watchdog]:
    """A watchdog, its clock and the exit codes that it asked for."""
    clock, ends = Clock(), list[int]()
    return clock, ends, Watchdog(patience_s, clock, ends.append)


def look_for(watchdog: Watchdog, clock: Clock, seconds: int) -> None:
    """Let `seconds` pass, looking each second."""
    for _ in range(seconds):
        clock.now_s += 1
        watchdog.look()


def test_no_progress_ends_the_process() -> None:
    """After its patience, with an exit code that is not zero, and a line."""
    clock, ends, watchdog = watched()
    with capture_logs() as logs:
        look_for(watchdog, clock, 60)
        assert ends == []
        look_for(watchdog, clock, 1)
    assert ends == [EXIT_STALLED]
    assert EXIT_STALLED != 0
    assert logs[0]["event"] == "stalled"


def test_progress_gives_new_patience() -> None:
    """As long as there is some, whatever the pace."""
    clock, ends, watchdog = watched()
    for _ in range(10):
        look_for(watchdog, clock, 59)
        watchdog.progress()
    assert ends == []


def test_a_stopped_process_is_not_blamed_for_the_pause() -> None:
    """SIGSTOP, or a machine that slept, is no stall."""
    clock, ends, watchdog = watched()
    clock.now_s += 3_600
    look_for(watchdog, clock, 60)
    assert ends == []
    look_for(watchdog, clock, 2)
    assert ends == [EXIT_STALLED]


def probe_once(lag: int | None) -> tuple[Clock, Watchdog, list[int]]:
    """Probe a watchdog that has seen no progress for half its patience."""
    clock, ends, watchdog = watched(0.04)

    async def probe() -> None:
        asked = asyncio.Event()

        async def answer() -> int | None:
            asked.set()
            return lag

        task = asyncio.create_task(watchdog.probe(answer))
        clock.now_s += 0.02
        await asyncio.wait_for(asked.wait(), 5)
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(probe())
    return clock, watchdog, ends


def test_no_lag_or_no_broker_is_progress() -> None:
    """Nothing to do, and nobody to ask, are no stall."""
    for lag in (0, None):
        clock, watchdog, ends = probe_once(lag)
        clock.now_s += 0.03
        watchdog.look()
        assert ends == []


def test_lag_is_no_progress() -> None:
    """Then the patience goes on running out."""
    clock, watchdog, ends = probe_once(5)
    clock.now_s += 0.03
    watchdog.look()
    assert ends == [EXIT_STALLED]
