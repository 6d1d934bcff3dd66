"""Open pages of a dashboard, in a process of their own, so that their cost is not the dashboard's."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.broker.deadline import wait_until
from tests.integration.broker.process import Process

from benchmarks.seen import Seen

_OPEN_S = 30.0


@contextmanager
def viewing(url: str, viewers: int, file: Path) -> Iterator[None]:
    """View within the block, once all pages have their first event; the events are written to `file`."""
    command = [sys.executable, "-m", "benchmarks.programs.viewers", f"{url}/events", str(viewers), str(file)]
    process = Process("viewers", command, file.with_suffix(".log"), lambda: True)
    process.launch()
    try:
        wait_until(lambda: file.exists() and len(seen(file)) >= viewers, _OPEN_S, f"{viewers} viewers")
        yield
        if not process.is_alive:
            raise RuntimeError(f"the viewers have ended:\n{process.log.read_text(encoding='utf-8')[-2_000:]}")
    finally:
        process.terminate()


def seen(file: Path) -> list[Seen]:
    """Return all events so far."""
    return [Seen.of_line(line) for line in file.read_text(encoding="utf-8").split("\n")[:-1]]
