"""What is said while a long reading goes on: a line that is rewritten on a terminal, else a log line now and then."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

from fraudstream.kafka.connection import Log

_REWRITE_EVERY_S = 1.0
_LOG_EVERY_S = 10.0


class Progress:
    """Counts records towards `total`; `verb` is what happens to them."""

    def __init__(
        self,
        verb: str,
        total: int,
        log: Log,
        *,
        terminal: TextIO = sys.stderr,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._verb = verb
        self._total = total
        self._log = log
        self._terminal = terminal if terminal.isatty() else None
        self._now = now
        self._count, self._said_count = 0, 0
        self._began_s = self._said_s = now()

    @property
    def count(self) -> int:
        """Records so far."""
        return self._count

    @property
    def per_second(self) -> int:
        """Records a second, from the beginning."""
        return round(self._count / max(self._now() - self._began_s, 0.001))

    def advance(self, partition: int | None, records: int) -> None:
        """So many more records are done, of that partition if they have one; says so if it is time."""
        self._count += records
        now_s = self._now()
        passed_s = now_s - self._said_s
        if passed_s < (_REWRITE_EVERY_S if self._terminal else _LOG_EVERY_S):
            return
        rate = round((self._count - self._said_count) / passed_s)
        self._said_count, self._said_s = self._count, now_s
        if self._terminal:
            place = "" if partition is None else f"partition {partition}, "
            text = f"{self._verb}: {place}{self._count:,} of {self._total:,} records, {rate:,}/s"
            self._terminal.write(f"\r{text:<78}")
            self._terminal.flush()
        else:
            fields = {} if partition is None else {"partition": partition}
            self._log.info(self._verb, **fields, records=self._count, of=self._total, per_second=rate)

    def finish(self) -> None:
        """Clear the terminal's line."""
        if self._terminal:
            self._terminal.write(f"\r{'':<78}\r")
            self._terminal.flush()
