"""One partition's input merged by offset with its CSV rows, scored records and dead letters. Pure, in bounded memory.

Outputs are merged in windows, up to the last offset of the window's input. For an output after its window, one bit for
each offset with a finding distinguishes a repeat from a record that was only out of order.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any, TypeVar

from cli.audit.content import Content, agree, difference
from cli.audit.offset_set import OffsetSet

T = TypeVar("T")

EXAMPLES = 20
_CONTENTS_KEPT = 50_000


class Kind(StrEnum):
    """Kinds of findings; the values are texts of the report."""

    LOST = "lost: in no output"
    CSV_ONLY = "in the CSV only"
    TOPIC_ONLY = "in the scored topic only"
    DIFFERENT = "different in CSV and scored topic"
    TWICE_IN_CSV = "twice in the CSV"
    TWICE_IN_TOPIC = "twice in the scored topic"
    TWICE_DEAD = "twice among the dead letters"
    SCORED_AND_DEAD = "scored, and a dead letter too"
    OUT_OF_ORDER = "out of order"
    NO_INPUT = "output without an input record"
    REPLAYED_TWICE = "replayed twice, the second time without --again"
    NO_LETTER = "replay without a dead letter"
    UNREADABLE = "unreadable"


class Output(IntEnum):
    """Outputs in which a record can appear."""

    CSV = 0
    TOPIC = 1
    DEAD = 2


_TWICE = {Output.CSV: Kind.TWICE_IN_CSV, Output.TOPIC: Kind.TWICE_IN_TOPIC, Output.DEAD: Kind.TWICE_DEAD}
_PLACE = {Output.CSV: "CSV", Output.TOPIC: "scored topic", Output.DEAD: "dead letters"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Range of offsets start ≤ o < end to verify; scored records of offsets below `topic_from` are no longer retained.

    If the input is `compacted`, an output without an input record is not a finding. Rows of records `erased`, by offset
    and timestamp, may be missing.
    """

    start: int
    end: int
    topic_from: int = 0
    compacted: bool = False
    erased: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The same problem of consecutive records. The offsets are the input's; none if they can't be read."""

    kind: Kind
    offsets: range
    detail: str = ""


class Merge:
    """Counts of input `records`: `scored`, `dead`, `unretained` (in the CSV; the scored record was deleted).

    `compacted` are offsets with outputs whose record compaction has removed. Call `window` in ascending order, then
    `finish`; then `findings` holds the counts and `examples` the first ranges of each kind.
    """

    def __init__(self, bounds: Bounds, *, csv: bool = True) -> None:
        """Without the CSV, which may be on several hosts, only the scored topic shows which records were scored."""
        self.bounds = bounds
        self._csv = csv
        self.records = self.scored = self.dead = self.unretained = self.previous = self.uncompared = self.erased = 0
        self.findings: Counter[Kind] = Counter()
        self.examples: list[Finding] = []
        self._examples_of: dict[Kind, list[int]] = {}
        self._decided_until = bounds.start - 1
        self._highest = dict.fromkeys(Output, bounds.start - 1)
        self.compacted = OffsetSet()
        self._gaps = OffsetSet()
        self._affected = OffsetSet()
        self._odd = OffsetSet()
        self._erased = OffsetSet()
        self._found = {output: OffsetSet() for output in Output}
        if not csv:
            self._found[Output.CSV] = self._found[Output.TOPIC]
        self._contents: dict[int, Content] = {}

    @property
    def once(self) -> int:
        """The number of records without a finding, which appear exactly once."""
        return self.records - len(self._affected)

    def window(
        self,
        inputs: Mapping[int, int],
        rows: Sequence[tuple[int, Content]],
        scored: Sequence[tuple[int, Content]],
        letters: Sequence[tuple[int, int]],
    ) -> None:
        """Merge the next input records, timestamps by ascending offset, with the outputs up to the last of them.

        `letters` are dead letters, with the timestamp of their message.
        """
        topic = self._fresh(Output.TOPIC, scored, inputs)
        file = self._fresh(Output.CSV, rows, inputs) if self._csv else topic.copy()
        dead = self._fresh(Output.DEAD, letters, inputs)
        if dead:
            dead = self._without_previous_topic(inputs, dead)
        for offset in inputs:
            row, event = file.pop(offset, None), topic.pop(offset, None)
            if row is not None and row == event and offset not in dead:
                self.scored += 1
            else:
                self._handle_mismatch(offset, row, event, dead=dead.pop(offset, None) is not None)
        self.records += len(inputs)
        for offset, _ in self.bounds.erased & inputs.items() if self.bounds.erased else ():
            self._erased.add(offset)
        for output, left in ((Output.CSV, file if self._csv else {}), (Output.TOPIC, topic), (Output.DEAD, dead)):
            for offset in left:
                self._without_input(output, offset)
        self._advance(inputs)

    def add_finding(self, kind: Kind, detail: str) -> None:
        """Add a finding that has no input record."""
        self._find(kind, None, detail)

    def finish(self) -> None:
        """Add the findings of records that stayed incomplete."""
        for offset in self._odd:
            row, event, dead = (offset in self._found[output] for output in Output)
            if dead and (row or event):
                there = (Output.CSV, row and self._csv), (Output.TOPIC, event)
                where = " and ".join(_PLACE[one] for one, is_there in there if is_there)
                self._find(Kind.SCORED_AND_DEAD, offset, f"scored in the {where}")
            elif dead:
                self.dead += 1
            elif row and event:
                self.scored += 1
            elif row:
                self._find(Kind.CSV_ONLY, offset)
            elif offset in self._erased:
                self.erased += 1
            elif event:
                self._find(Kind.TOPIC_ONLY, offset)
            else:
                retained = offset >= self.bounds.topic_from
                self._find(Kind.LOST, offset, "" if retained else "the scored topic no longer retains this offset")

    def _fresh(self, output: Output, entries: Sequence[tuple[int, T]], inputs: Mapping[int, int]) -> dict[int, T]:
        """Return the entries after the merged windows, each once; handle late and repeated ones."""
        fresh = dict(entries)
        highest = self._highest[output]
        offsets = list(fresh)
        if not offsets:
            return fresh
        ascending = len(offsets) == len(entries) and offsets[0] > highest and offsets == sorted(offsets)
        if ascending and offsets[-1] < self.bounds.end:
            self._highest[output] = offsets[-1]
            return fresh
        return self._one_by_one(output, entries, inputs)

    def _one_by_one(self, output: Output, entries: Sequence[tuple[int, T]], inputs: Mapping[int, int]) -> dict[int, T]:
        fresh: dict[int, T] = {}
        for offset, content in entries:
            if not self.bounds.start <= offset < self.bounds.end:
                continue
            if offset in fresh and offset in inputs:
                self._find(_TWICE[output], offset, _agreement(fresh[offset], content))
            elif offset in fresh:
                self._without_input(output, offset)
            elif offset <= self._decided_until:
                self._late(output, offset, content)
            else:
                fresh[offset] = content
                if offset < self._highest[output]:
                    self._disorder(output, offset)
            self._highest[output] = max(offset, self._highest[output])
        return fresh

    def _late(self, output: Output, offset: int, content: object) -> None:
        """Handle an output of a record whose window is already merged."""
        found = self._found[output]
        if offset in self._gaps:
            self._without_input(output, offset)
        elif offset in found or (offset not in self._odd and output is not Output.DEAD and not self._is_dead(offset)):
            self._find(_TWICE[output], offset)
        elif offset in self._odd:
            found.add(offset)
            self._disorder(output, offset)
            if output is not Output.DEAD:
                self._compare_late(output, offset, content)
        else:  # it had no finding until now
            if self._is_dead(offset):
                self.dead -= 1
            else:
                self.scored -= 1
                self._found[Output.CSV].add(offset)
                self._found[Output.TOPIC].add(offset)
            self._odd.add(offset)
            found.add(offset)
            self._disorder(output, offset)

    def _is_dead(self, offset: int) -> bool:
        return offset in self._found[Output.DEAD]

    def _compare_late(self, output: Output, offset: int, content: Any) -> None:
        other = Output.TOPIC if output is Output.CSV else Output.CSV
        if not self._csv or offset not in self._found[other]:
            return
        known = self._contents.pop(offset, None)
        if known is None:
            self.uncompared += 1
        elif not agree(known, content):
            self._find(Kind.DIFFERENT, offset)

    def _handle_mismatch(self, offset: int, row: Content | None, event: Content | None, *, dead: bool) -> None:
        if dead:
            self._found[Output.DEAD].add(offset)
            if row is None and event is None:
                self.dead += 1
                return
        elif row is not None and event is not None:
            self.scored += 1
            if not agree(row, event):
                self._find(Kind.DIFFERENT, offset, difference(row, event))
            return
        elif row is not None and offset < self.bounds.topic_from:
            self.unretained += 1
            self._found[Output.CSV].add(offset)
            return
        self._odd.add(offset)
        for output, content in ((Output.CSV, row), (Output.TOPIC, event)):
            if content is not None:
                self._found[output].add(offset)
                if len(self._contents) < _CONTENTS_KEPT:
                    self._contents[offset] = content

    def _without_previous_topic(self, inputs: Mapping[int, int], dead: dict[int, int]) -> dict[int, int]:
        """Drop dead letters of a previous topic, which are kept forever: their messages have other timestamps."""
        ours = {offset: ms for offset, ms in dead.items() if inputs.get(offset, ms) == ms}
        self.previous += len(dead) - len(ours)
        return ours

    def _advance(self, inputs: Mapping[int, int]) -> None:
        """Record the offsets without a record: transactions leave such gaps."""
        if not inputs:
            return
        previous = self._decided_until
        last = next(reversed(inputs))
        if last - previous != len(inputs):
            for offset in inputs:
                for gap in range(previous + 1, offset):
                    self._gaps.add(gap)
                previous = offset
        self._decided_until = last

    def _without_input(self, output: Output, offset: int) -> None:
        if self.bounds.compacted:
            self.compacted.add(offset)
        else:
            self._find(Kind.NO_INPUT, offset, _PLACE[output])

    def _disorder(self, output: Output, offset: int) -> None:
        if output is not Output.DEAD or not self.previous:
            self._find(Kind.OUT_OF_ORDER, offset, _PLACE[output])

    def _find(self, kind: Kind, offset: int | None, detail: str = "") -> None:
        self.findings[kind] += 1
        self._add_example(kind, range(0) if offset is None else range(offset, offset + 1), detail)
        if offset is not None and kind is not Kind.NO_INPUT:
            self._affected.add(offset)

    def _add_example(self, kind: Kind, offsets: range, detail: str) -> None:
        """Extend the last example of this kind, or add one, if there are fewer than EXAMPLES."""
        mine = self._examples_of.setdefault(kind, [])
        last = self.examples[mine[-1]] if mine else None
        if last and offsets and last.detail == detail and last.offsets.stop == offsets.start:
            self.examples[mine[-1]] = replace(last, offsets=range(last.offsets.start, offsets.stop))
        elif len(mine) < EXAMPLES:
            mine.append(len(self.examples))
            self.examples.append(Finding(kind=kind, offsets=offsets, detail=detail))


def _agreement(one: object, other: object) -> str:
    return "" if one == other else "with different content"
