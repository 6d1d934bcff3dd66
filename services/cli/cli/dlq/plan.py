"""Which letters a replay sends, which it leaves out and why, and the words in which it asks. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from cli.dlq.choosing import Choice, LetterPlace
from cli.dlq.index import Entry, Index
from cli.dlq.lines import Edit

_LINK_BYTES = 320
"""The most that the header takes which links a message to its letter: a topic's name has at most 249 bytes."""

REPLAYED = "replayed before (--again sends them once more)"
CUT = "cut when they were kept, so that there is no whole value to send"
RAW = "damaged records or batches, whose bytes are no message; give them a value with dlq export and replay --from"
INCOMPLETE = "kept without a key or headers that were too large: only their sender can send them again"
FOREIGN = "of another topic than {topic}"
DIFFERING = "that are not the message that {topic} has at the offset they name: somebody else has written them"
TOO_LARGE = "larger than {topic} takes"
NO_PARTITION = "of a partition that {topic} does not have"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The topic that letters go back to, and what it takes."""

    topic: str
    partitions: int
    message_bytes: int
    keeps_transactions: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`entries` are sent, in order; `left_out` counts the others by the reason in words."""

    target: Target
    entries: Sequence[Entry]
    left_out: Mapping[str, int]
    verdicts: Mapping[str, int]
    """Of those that are sent: how many are no payments by today's rules, by reason."""
    mended: int
    from_file: bool
    limited: int = 0
    """How many more there would be without the limit."""
    unverified: int = 0
    """How many could not be compared with their message."""

    def compared(
        self,
        edits: Mapping[LetterPlace, Edit] | None,
        differing: Collection[LetterPlace],
        verified: Collection[LetterPlace],
    ) -> Self:
        """Return the plan without letters that are not the message that they name."""
        entries = [entry for entry in self.entries if entry.place not in differing]
        left_out = dict(self.left_out)
        if len(entries) < len(self.entries):
            left_out[DIFFERING.format(topic=self.target.topic)] = len(self.entries) - len(entries)
        return replace(
            self,
            entries=entries,
            left_out=left_out,
            verdicts=_verdicts(entries, edits),
            mended=_mended(entries, edits),
            unverified=sum(entry.place not in verified for entry in entries),
        )

    def text(self, dlq: str) -> str:
        """What a person reads before being asked."""
        count = len(self.entries)
        letters = f"{count:,} dead letter{'' if count == 1 else 's'}" if count else "none"
        mended = f", {self.mended:,} mended, {count - self.mended:,} unchanged" if self.from_file and count else ""
        lines = [f"to be replayed from {dlq} into {self.target.topic}: {letters}{mended}"]
        lines += [f"  left out: {number:,} {why}" for why, number in self.left_out.items()]
        if self.limited:
            lines.append(f"  left for later: {self.limited:,} more, by --limit")
        if self.unverified:
            lines.append(f"  not verified: {self.unverified:,} whose message {self.target.topic} no longer has")
        return "\n".join([*lines, *self._prospects()])

    def _prospects(self) -> list[str]:
        count, dead = len(self.entries), sum(self.verdicts.values())
        if not count:
            return []
        if not dead:
            return ["All of them can be scored now." if count > 1 else "It can be scored now."]
        why = ", ".join(f"{reason} {number:,}" for reason, number in sorted(self.verdicts.items()))
        lines = [f"{dead:,} of them would come back as dead letters: {why}."]
        if dead > self.mended:
            lines += [
                "To send them unchanged makes sense where the scorers were what was wrong, and are mended by now.",
                "Else mend them first: dlq export --out FILE, edit the values in FILE, dlq replay --from FILE",
            ]
        return lines


def planned(
    index: Index,
    choice: Choice,
    edits: Mapping[LetterPlace, Edit] | None,
    target: Target,
    *,
    again: bool,
    limit: int | None,
) -> Plan:
    """Who of `index` is sent; `edits` are the lines of an edited file: then only its letters are meant."""
    meant = [entry for entry in index if choice.matches(entry) and (edits is None or entry.place in edits)]
    entries, left_out = [], Counter[str]()
    for entry in meant:
        replayed = bool(index.replays(entry.place))
        if not choice.wants(replayed=replayed) and not (replayed and choice.status == "open"):
            continue
        why = _why_not(entry, edits[entry.place] if edits is not None else None, target)
        if replayed and not again:
            why = REPLAYED
        if why:
            left_out[why.format(topic=target.topic)] += 1
        else:
            entries.append(entry)
    sent = _oldest(entries, limit)
    return Plan(
        target=target,
        entries=sent,
        left_out=left_out,
        verdicts=_verdicts(sent, edits),
        mended=_mended(sent, edits),
        from_file=edits is not None,
        limited=len(entries) - len(sent),
    )


def absent(index: Index, places: Collection[LetterPlace]) -> LetterPlace | None:
    """The first of `places` at which there is no letter."""
    return next((place for place in places if index.get(place) is None), None)


def _why_not(entry: Entry, edit: Edit | None, target: Target) -> str | None:
    value_bytes = entry.value_bytes if edit is None else edit.value_bytes
    if entry.source.topic != target.topic:
        return FOREIGN
    if entry.place.partition >= target.partitions:
        return NO_PARTITION
    if why := _lacks(entry, edit):
        return why
    if value_bytes + entry.around_bytes + _LINK_BYTES > target.message_bytes:
        return TOO_LARGE
    return None


def _lacks(entry: Entry, edit: Edit | None) -> str | None:
    is_unchanged = edit is None or edit.value_hash == entry.value_hash
    if is_unchanged and entry.is_raw:
        return RAW
    if is_unchanged and entry.is_cut:
        return CUT
    return INCOMPLETE if entry.is_incomplete else None


def _oldest(entries: Sequence[Entry], limit: int | None) -> Sequence[Entry]:
    if limit is None or len(entries) <= limit:
        return entries
    chosen = sorted(entries, key=lambda entry: (entry.timestamp_ms, entry.place))[:limit]
    return sorted(chosen, key=lambda entry: entry.place)


def _mended(entries: Sequence[Entry], edits: Mapping[LetterPlace, Edit] | None) -> int:
    return sum(edits[entry.place].value_hash != entry.value_hash for entry in entries) if edits is not None else 0


def _verdicts(entries: Sequence[Entry], edits: Mapping[LetterPlace, Edit] | None) -> Counter[str]:
    verdicts = (entry.verdict if edits is None else edits[entry.place].verdict for entry in entries)
    return Counter(verdict for verdict in verdicts if verdict)
