"""Progress shown during a long read."""

import io
from unittest.mock import MagicMock, call

from cli.progress import Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_line_every_ten_seconds() -> None:
    """The log has a line every ten seconds, with the rate since the last one."""
    log, times = MagicMock(), [0.0]
    progress = Progress("verifying", 5_000, log, terminal=io.StringIO(), now=lambda: times[0])
    for times[0] in (1.0, 9.9, 10.0, 20.0):
        progress.advance(3, 1_000)
    progress.finish()
    assert log.info.call_args_list == [
        call("verifying", partition=3, records=3_000, of=5_000, per_second=300),
        call("verifying", partition=3, records=4_000, of=5_000, per_second=100),
    ]
    assert (progress.count, progress.per_second) == (4_000, 200)


def test_one_line_on_a_terminal() -> None:
    """A terminal has one line, rewritten once a second and cleared at the end."""
    terminal, times = _Terminal(), [0.0]
    progress = Progress("verifying", 5_000, MagicMock(), terminal=terminal, now=lambda: times[0])
    for times[0] in (0.5, 1.0, 1.5, 2.0):
        progress.advance(0, 1_000)
    progress.finish()
    parts = [part.strip() for part in terminal.getvalue().split("\r")]
    assert parts == [
        "",
        "verifying: partition 0, 2,000 of 5,000 records, 2,000/s",
        "verifying: partition 0, 4,000 of 5,000 records, 2,000/s",
        "",
        "",
    ]
