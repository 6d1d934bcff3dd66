"""Replay markers of one partition of the dead-letter topic, checked against its letters. Pure."""

from collections.abc import Iterable

from cli.audit.merge import Kind
from cli.audit.offset_set import OffsetSet
from fraudstream.dead_letter import dead_letter, replayed
from fraudstream.record import Record


class Replays:
    """Replays, by `add` in order of offset: `count` of replayed letters, `findings` of invalid markers."""

    def __init__(self, partition: int, start: int) -> None:
        """Letters before `start` are no longer retained."""
        self.count = 0
        self.findings: list[tuple[Kind, str]] = []
        self._partition = partition
        self._start = start
        self._letters = OffsetSet()
        self._replayed = OffsetSet()

    def add(self, records: Iterable[Record]) -> None:
        """Add letters and markers."""
        for record in records:
            if marker := replayed(self._partition, record):
                self._mark(marker.letter_offset, again=marker.again)
            elif dead_letter(self._partition, record):
                self._letters.add(record.offset)

    def _mark(self, offset: int, *, again: bool) -> None:
        if offset >= self._start and offset not in self._letters:
            self.findings.append((Kind.NO_LETTER, f"offset {offset} of the dead letters"))
            return
        if offset not in self._replayed:
            self.count += 1
            self._replayed.add(offset)
        elif not again:
            self.findings.append((Kind.REPLAYED_TWICE, f"the dead letter at offset {offset}"))
