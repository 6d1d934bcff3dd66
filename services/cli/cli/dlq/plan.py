"""The plan of a replay: letters to send, letters left out and why, and the text of the confirmation. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from cli.dlq.choosing import Choice
from cli.dlq.index import Entry, Index
from cli.dlq.lines import EXPORTED, Edit
from cli.dlq.places import LetterPlace, places_text
from cli.texts import counted
from fraudstream.runtime.escaping import visible

_LINK_BYTES = 320
"""Maximum size of the header that links a message to its letter: a topic name has at most 249 bytes."""

REPLAYED = "already replayed (--again sends them again)"
CUT = "stored with a truncated value, so that there is no complete value to send"
RAW = "damaged records or batches, whose bytes are not a message; give them a value with dlq export and replay --from"
INCOMPLETE = "stored without a key or headers that were too large: only their sender can send them again"
FOREIGN = "from a topic other than {topic}"
DIFFERING = "that differ from the message in {topic} at the offset they name: another program wrote them"
TOO_LARGE = "larger than {topic} accepts"
NO_PARTITION = "from a partition that {topic} does not have"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The topic that letters are sent to, and its limits."""

    topic: str
    partitions: int
    message_bytes: int
    keeps_transactions: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`entries` to send, in order; `left_out` are the others, by the text of their reason."""

    target: Target
    entries: Sequence[Entry]
    left_out: Mapping[str, Sequence[Entry]]
    edits: Mapping[LetterPlace, Edit] | None
    """The lines of the file that the values come from, if any."""
    again: bool = False
    """Whether letters that were already replayed are sent too."""
    limited: int = 0
    """Number of letters beyond the limit."""
    unverified: int = 0
    """Number of letters that could not be compared with their message."""

    @property
    def verdicts(self) -> Counter[str]:
        """Number of `entries` that are not payments by the current rules, by reason."""
        verdicts = (entry.verdict if self.edits is None else self.edits[entry.place].verdict for entry in self.entries)
        return Counter(verdict for verdict in verdicts if verdict)

    @property
    def edited_count(self) -> int:
        """Number of `entries` whose value differs in the file."""
        edits = self.edits
        return 0 if edits is None else sum(edits[one.place].value_hash != one.value_hash for one in self.entries)

    def compared(self, differing: Collection[LetterPlace], verified: Collection[LetterPlace]) -> Self:
        """Return the plan without the letters that differ from the message they name."""
        entries = [entry for entry in self.entries if entry.place not in differing]
        left_out = dict(self.left_out)
        if len(entries) < len(self.entries):
            others = [entry for entry in self.entries if entry.place in differing]
            left_out[DIFFERING.format(topic=self.target.topic)] = others
        unverified = sum(entry.place not in verified for entry in entries)
        return replace(self, entries=entries, left_out=left_out, unverified=unverified)

    def text(self, choice: Choice, command: str, *, masks: bool = False) -> str:
        """Return the text shown before the confirmation; `command` runs the command line.

        With `masks`, an export has the values only with --raw.
        """
        count = len(self.entries)
        letters = counted(count, "dead letter") if count else "none"
        edited, unchanged = self.edited_count, count - self.edited_count
        changes = f", {edited:,} edited, {unchanged:,} unchanged" if self.edits is not None and count else ""
        lines = [f"to be replayed from {choice.topic} into {self.target.topic}: {letters}{changes}"]
        lines += _places(self.entries, "  ")
        for why, others in self.left_out.items():
            lines += [f"  left out: {len(others):,} {why}", *_places(others, "    ")]
        if self.limited:
            lines.append(f"  left for later: {self.limited:,} more, because of --limit")
        if self.unverified:
            lines.append(f"  not verified: {self.unverified:,} whose message is no longer in {self.target.topic}")
        return "\n".join([*lines, *self._expected_results(choice, command, masks=masks)])

    def _expected_results(self, choice: Choice, command: str, *, masks: bool) -> list[str]:
        count, verdicts = len(self.entries), self.verdicts
        dead = verdicts.total()
        if not count:
            return []
        if not dead:
            return ["All of them can be scored now." if count > 1 else "It can be scored now."]
        why = ", ".join(f"{reason} {number:,}" for reason, number in sorted(verdicts.items()))
        lines = [f"{dead:,} of them would come back as dead letters: {why}."]
        if dead > self.edited_count:
            if self.again and choice.status == "open":
                choice = replace(choice, status="all")
            raw = " --raw" if masks else ""
            lines += [
                "Replaying them unchanged makes sense only where the scorers were the cause and have been fixed.",
                f"Otherwise export them, edit the values in {EXPORTED}, and replay that file:",
                f"  {command} dlq export{choice.options}{raw} --out {EXPORTED}",
                f"  {command} dlq replay{choice.replay_options(again=self.again)} --from {EXPORTED}",
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
    """Plan the replay of the chosen letters of `index`; with `edits`, the lines of a file, only of its letters."""
    entries, left_out = list[Entry](), dict[str, list[Entry]]()
    for entry in index.chosen(choice):
        if edits is not None and entry.place not in edits:
            continue
        replayed = bool(index.replays(entry.place))
        if not choice.wants(replayed=replayed) and not (replayed and choice.status == "open"):
            continue
        why = _reason_to_leave_out(entry, edits[entry.place] if edits is not None else None, target)
        if replayed and not again:
            why = REPLAYED
        if why:
            left_out.setdefault(why.format(topic=target.topic), []).append(entry)
        else:
            entries.append(entry)
    sent = _oldest(entries, limit)
    return Plan(
        target=target,
        entries=sent,
        left_out=left_out,
        edits=edits,
        again=again,
        limited=len(entries) - len(sent),
    )


def _reason_to_leave_out(entry: Entry, edit: Edit | None, target: Target) -> str | None:
    value_bytes = entry.value_bytes if edit is None else edit.value_bytes
    if entry.source.topic != target.topic:
        return FOREIGN
    if entry.place.partition >= target.partitions:
        return NO_PARTITION
    if missing := _missing_part(entry, edit):
        return missing
    if value_bytes + entry.around_bytes + _LINK_BYTES > target.message_bytes:
        return TOO_LARGE
    return None


def _missing_part(entry: Entry, edit: Edit | None) -> str | None:
    is_unchanged = edit is None or edit.value_hash == entry.value_hash
    if is_unchanged and entry.is_raw:
        return RAW
    if is_unchanged and entry.is_cut:
        return CUT
    return INCOMPLETE if entry.is_incomplete else None


def _places(entries: Sequence[Entry], indent: str) -> list[str]:
    return [visible(line) for line in places_text([entry.source for entry in entries], indent)]


def _oldest(entries: Sequence[Entry], limit: int | None) -> Sequence[Entry]:
    if limit is None or len(entries) <= limit:
        return entries
    chosen = sorted(entries, key=lambda entry: (entry.timestamp_ms, entry.place))[:limit]
    return sorted(chosen, key=lambda entry: entry.place)
