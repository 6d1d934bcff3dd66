"""Progress of a long read: on a terminal a line rewritten every second, otherwise a log line every ten seconds."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

from fraudstream.kafka.connection import Log
from fraudstream.runtime.log_on_change import Every

_REWRITE_EVERY_S = 1.0
_LOG_EVERY_S = 10.0


class Progress:
    """Count of processed records, reported against `total`; `verb` names the operation ("reading")."""

    def __init__(
        self,
        verb: str,
        total: int,
        log: Log,
        *,
        terminal: TextIO | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._verb = verb
        self._total = total
        self._log = log
        stream = terminal or sys.stderr
        self._terminal = stream if stream.isatty() else None
        self._now = now
        self._count, self._reported_count = 0, 0
        self._began_s = now()
        self._every = Every(_REWRITE_EVERY_S if self._terminal else _LOG_EVERY_S, now)

    @property
    def count(self) -> int:
        """Records processed so far."""
        return self._count

    @property
    def per_second(self) -> int:
        """Average number of records per second since the start."""
        return round(self._count / max(self._now() - self._began_s, 0.001))

    def advance(self, partition: int | None, records: int) -> None:
        """Add `records` processed records, of `partition` unless it is None; report progress if it is due."""
        self._count += records
        if not (elapsed_s := self._every.due()):
            return
        rate = round((self._count - self._reported_count) / elapsed_s)
        self._reported_count = self._count
        if self._terminal:
            place = "" if partition is None else f"partition {partition}, "
            text = f"{self._verb}: {place}{self._count:,} of {self._total:,} records, {rate:,}/s"
            self._terminal.write(f"\r{text:<78}")
            self._terminal.flush()
        else:
            fields = {} if partition is None else {"partition": partition}
            self._log.info(self._verb, **fields, records=self._count, of=self._total, per_second=rate)

    def finish(self) -> None:
        """Clear the progress line of the terminal."""
        if self._terminal:
            self._terminal.write(f"\r{'':<78}\r")
            self._terminal.flush()
