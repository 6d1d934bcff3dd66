"""The result of `verify` as text: a table, the findings, the verdict. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cli.audit.merge import EXAMPLES, Finding, Kind
from cli.tables import aligned
from cli.texts import ranges_text
from fraudstream.dead_letter import place_text
from fraudstream.runtime.escaping import visible

_HEAD = ("partition", "judged offsets", "records", "scored", "dead", "findings", "pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A partition's result. `notes` give the reasons for unverified offsets; `pending` records await the scorers.

    `replayed` counts the retained dead letters that were sent to the input again, `erased` the records without rows
    because these were erased.
    """

    partition: int
    start: int
    end: int
    records: int = 0
    once: int = 0
    scored: int = 0
    dead: int = 0
    replayed: int = 0
    erased: int = 0
    pending: int = 0
    findings: Counter[Kind] = field(default_factory=Counter)
    examples: Sequence[Finding] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All partitions of the input `topic`, and lines of the CSV that belong to none; `notes` concern all partitions."""

    topic: str
    partitions: Sequence[Judged]
    unreadable: int = 0
    unreadable_lines: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def is_clean(self) -> bool:
        """Whether there are no findings."""
        return not self.unreadable and not any(judged.findings.total() for judged in self.partitions)

    def text(self) -> str:
        """Return the report as text."""
        parts = [_table(self.partitions), *self._notes(), *self._findings(), self._verdict()]
        return "\n\n".join(parts)

    def _notes(self) -> list[str]:
        lines = [*self.notes, *(f"partition {one.partition}: {note}" for one in self.partitions for note in one.notes)]
        return ["\n".join(map(visible, lines))] if lines else []

    def _findings(self) -> list[str]:
        counts: Counter[Kind] = Counter()
        for judged in self.partitions:
            counts.update(judged.findings)
        counts[Kind.UNREADABLE] += self.unreadable
        return ["\n".join(self._listed(kind, counts[kind])) for kind in Kind if counts[kind]]

    def _listed(self, kind: Kind, count: int) -> list[str]:
        found = list(self._places(kind).items())[:EXAMPLES]
        lines = [self._place(*key, offsets) for key, offsets in found]
        shown = sum(max(len(one), 1) for _, offsets in found for one in offsets)
        if kind is Kind.UNREADABLE:
            others = self.unreadable_lines[: EXAMPLES - len(lines)]
            lines, shown = [*lines, *others], shown + len(others)
        more = [f"  … and {count - shown:,} more"] if count > shown else []
        return [f"{kind} ({count:,}):", *(f"  {visible(line)}" for line in lines), *more]

    def _places(self, kind: Kind) -> Mapping[tuple[int, str], Sequence[range]]:
        """Return the offsets with a finding of this kind, by partition and detail."""
        places: dict[tuple[int, str], list[range]] = {}
        for judged in self.partitions:
            for finding in judged.examples:
                if finding.kind is kind:
                    places.setdefault((judged.partition, finding.detail), []).append(finding.offsets)
        return places

    def _place(self, partition: int, detail: str, offsets: Sequence[range]) -> str:
        known = ranges_text([one for one in offsets if one])
        place = place_text(self.topic, partition, known) if known else f"partition {partition}"
        return f"{place}: {detail}" if detail else place

    def _verdict(self) -> str:
        records = sum(judged.records for judged in self.partitions)
        once = sum(judged.once for judged in self.partitions)
        if not records and self.is_clean:
            return "Nothing to verify yet: no retained record has been processed."
        if self.is_clean:
            scored, dead, erased = (
                sum(getattr(one, name) for one in self.partitions) for name in ("scored", "dead", "erased")
            )
            parts = f"{scored:,} scored, {dead:,} dead letters" + (f", {erased:,} erased" if erased else "")
            return f"Verified: each of {records:,} records appears exactly once ({parts})." + self._replayed()
        return f"FAILED: {once:,} of {records:,} records appear exactly once, {records - once:,} do not; see above."

    def _replayed(self) -> str:
        replayed = sum(judged.replayed for judged in self.partitions)
        return f"\n{replayed:,} dead letters were replayed; each replay is a record of its own." if replayed else ""


def _table(partitions: Sequence[Judged]) -> str:
    rows = [_HEAD, *(_cells(judged) for judged in partitions), _total(partitions)]
    return "\n".join(aligned(rows, right=range(len(_HEAD))))


def _cells(judged: Judged) -> tuple[str, ...]:
    judged_range = f"{judged.start}…{judged.end - 1}" if judged.end > judged.start else "none"
    return (str(judged.partition), judged_range, *_numbers([judged]))


def _total(partitions: Sequence[Judged]) -> tuple[str, ...]:
    return ("all", "", *_numbers(partitions))


def _numbers(partitions: Sequence[Judged]) -> list[str]:
    rows = [(one.records, one.scored, one.dead, one.findings.total(), one.pending) for one in partitions]
    return [f"{sum(column):,}" for column in zip(*rows, strict=True)]
