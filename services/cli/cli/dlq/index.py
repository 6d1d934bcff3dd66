"""Index of the dead-letter topic: each letter without its bytes, and the markers of its replays. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cli.dlq.choosing import Choice
from cli.dlq.places import LetterPlace
from fraudstream.dead_letter import DeadLetter, Place, Replayed, dead_letter, replayed
from fraudstream.fitting import batch_bytes
from fraudstream.payment import InvalidPayment, PaymentFormat
from fraudstream.record import Record

_TEXTS_SHARED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A letter without its bytes.

    `verdict` is the reason why its value is not a payment by the current rules; None if it is one, or was not checked.
    `is_incomplete`: the letter lacks the message's key or headers.
    `around_bytes` is the maximum size of its message without the value; `value_hash` is valid in this process only.
    """

    place: LetterPlace
    timestamp_ms: int
    reason: str
    detail: str
    source: Place
    is_cut: bool
    is_raw: bool
    is_incomplete: bool
    value_bytes: int
    around_bytes: int
    value_hash: int
    verdict: str | None


class Index:
    """Letters and markers of the topic, added partition by partition in offset order; iterates in that order."""

    def __init__(self, rules: PaymentFormat | None = None) -> None:
        """Create an empty index; each letter's value is checked by `rules`, if given."""
        self._rules = rules
        self._entries: dict[LetterPlace, Entry] = {}
        self._replays: dict[LetterPlace, tuple[Replayed, ...]] = {}
        self._texts: dict[str, str] = {}

    def __len__(self) -> int:
        """Return the number of letters."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def add(self, partition: int, records: Iterable[Record]) -> None:
        """Add letters and markers; records of other programs are skipped."""
        for record in records:
            if letter := dead_letter(partition, record):
                entry = self._entry(letter, record.timestamp)
                self._entries[entry.place] = entry
            elif marker := replayed(partition, record):
                place = LetterPlace(partition, marker.letter_offset)
                self._replays[place] = (*self._replays.get(place, ()), marker)

    def chosen(self, choice: Choice) -> Iterator[Entry]:
        """Yield the letters that meet all criteria of `choice` but the status."""
        return (one for one in self if choice.matches(one.place, one.source, one.reason, one.timestamp_ms))

    def get(self, place: LetterPlace) -> Entry | None:
        """Return the letter at `place`, or None."""
        return self._entries.get(place)

    def absent(self, choice: Choice) -> str | None:
        """Return the first of the places in `choice` that has no letter, or None."""
        return choice.absent((one.place, one.source) for one in self)

    def replays(self, place: LetterPlace) -> Sequence[Replayed]:
        """Return the markers of the letter's replays, oldest first."""
        return self._replays.get(place, ())

    def _entry(self, letter: DeadLetter, timestamp_ms: int) -> Entry:
        return Entry(
            place=LetterPlace(letter.partition, letter.offset),
            timestamp_ms=timestamp_ms,
            reason=self._shared(letter.reason),
            detail=self._shared(letter.detail),
            source=letter.source._replace(topic=self._shared(letter.source.topic)),
            is_cut=letter.is_cut,
            is_raw=bool(letter.format),
            is_incomplete=bool(letter.removed),
            value_bytes=letter.value_bytes,
            around_bytes=batch_bytes(letter.key, None, letter.headers),
            value_hash=hash(letter.value),
            verdict=verdict(letter.value, self._rules) if self._rules else None,
        )

    def _shared(self, text: str) -> str:
        """Return an equal text that all letters share, to save memory."""
        return self._texts.setdefault(text, text) if len(self._texts) < _TEXTS_SHARED else text


def verdict(value: bytes | None, rules: PaymentFormat) -> str | None:
    """Return the reason why a message with this value can't be scored, or None if it can."""
    event = rules.decode(value)
    return event.reason if isinstance(event, InvalidPayment) else None
