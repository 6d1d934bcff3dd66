"""The output of `dlq show`: one letter in full. Pure."""

from collections.abc import Callable, Sequence
from shlex import quote

from cli.dlq.lines import EXPORTED
from cli.tables import aligned
from fraudstream.dead_letter import REPLAY_OF, DeadLetter, Replayed, place_text
from fraudstream.payment import InvalidPayment, PaymentFormat
from fraudstream.runtime.escaping import visible, visible_bytes, visible_lines
from fraudstream.timestamps import rfc3339

_VALUE_BYTES, _HEADER_BYTES, _HEADERS = 1 << 20, 10_000, 100
"""Display limits for a letter: larger parts were not written by the scorer, and are of no use on a terminal."""


def text(
    letter: DeadLetter,
    replays: Sequence[Replayed],
    topic: str,
    timestamp_ms: int,
    rules: PaymentFormat,
    *,
    masks: bool,
    command: str,
) -> str:
    """Return the text output; `topic` is the dead-letter topic, `timestamp_ms` the timestamp of the letter's record.

    Whether it could be scored now is found by `rules`. With `masks`, the sizes of key, value and headers are shown in
    place of their content. `command` runs the command line.
    """
    show = _mask if masks else _beginning
    facts = [
        ("reason", visible(letter.reason)),
        ("detail", visible(letter.detail)),
        ("stored as", place_text(topic, letter.partition, letter.offset)),
        ("time", rfc3339(timestamp_ms) or "none"),
        ("key", "none" if letter.key is None else show(letter.key)),
        ("size", _size(letter)),
        *_headers(letter, show),
        *_removed(letter),
        *_replayed(letter, replays),
        ("today", _today(letter, rules)),
        *([] if replays else _next_step(letter, rules, masks=masks, command=command)),
    ]
    value = _value(letter, masks=masks)
    return "\n".join([f"dead letter {visible(letter.source.text)}", "", *aligned(facts), "", *value])


def _mask(content: bytes) -> str:
    """Return the text shown in place of what may hold secrets.

    The topic keeps the original messages. A key may repeat a secret field, and an invalid message may have a secret
    anywhere.
    """
    return f"masked ({len(content):,} bytes; --raw shows them)"


def _size(letter: DeadLetter) -> str:
    if letter.value is None:
        return "no value: a tombstone"
    if letter.is_cut:
        return f"{letter.value_bytes:,} bytes, of which only the first {len(letter.value):,} are kept"
    return f"{letter.value_bytes:,} bytes"


def _headers(letter: DeadLetter, show: Callable[[bytes], str]) -> list[tuple[str, str]]:
    shown = [
        ("replay of" if name == REPLAY_OF else "header", _header(name, value, show))
        for name, value in letter.headers[:_HEADERS]
    ]
    if len(letter.headers) > _HEADERS:
        shown.append(("headers", f"{len(letter.headers) - _HEADERS:,} more; dlq export has all of them"))
    return shown or [("headers", "none")]


def _header(name: str, value: bytes | None, show: Callable[[bytes], str]) -> str:
    if name == REPLAY_OF:  # a place in a topic
        return _beginning(value or b"")
    return f"{visible(name[:_HEADER_BYTES])}: {'null' if value is None else show(value)}"


def _beginning(value: bytes) -> str:
    return " ".join([visible_bytes(value[:_HEADER_BYTES]), *_more(value, _HEADER_BYTES)])


def _more(value: bytes, shown: int) -> list[str]:
    return [f"… {len(value) - shown:,} more bytes; dlq export has all of them"] if len(value) > shown else []


def _removed(letter: DeadLetter) -> list[tuple[str, str]]:
    return [
        ("removed", f"{part}, {size:,} bytes, too large for the topic; SHA-256 {visible(sha256)}")
        for part, size, sha256 in letter.removed
    ]


def _replayed(letter: DeadLetter, replays: Sequence[Replayed]) -> list[tuple[str, str]]:
    if not replays:
        return [("replayed", "not yet")]
    where = f"into {visible(letter.source.topic)}, partition {letter.partition}"
    return [
        ("replayed", f"{rfc3339(one.timestamp_ms)} {where}, {'edited' if one.edited else 'unchanged'}")
        for one in replays
    ]


def _today(letter: DeadLetter, rules: PaymentFormat) -> str:
    if letter.format:
        return f"can't be replayed as it is: its bytes are a damaged {letter.format}, not a message"
    if letter.is_cut:
        return "can't be replayed as it is: its value was cut"
    if letter.removed:
        return "can't be replayed: its key or headers were removed"
    event = rules.decode(letter.value)
    if isinstance(event, InvalidPayment):
        is_same = (event.reason, event.detail) == (letter.reason, letter.detail)
        return "still a dead letter" if is_same else f"still a dead letter: {event.reason}: {event.detail}"
    return "can be scored"


def _next_step(letter: DeadLetter, rules: PaymentFormat, *, masks: bool, command: str) -> list[tuple[str, str]]:
    if letter.removed:
        return []
    if letter.format or letter.is_cut or isinstance(rules.decode(letter.value), InvalidPayment):
        raw = " --raw" if masks else ""
        return [("correct it", f"{command} dlq export {quote(letter.source.text)}{raw} --out {EXPORTED}")]
    return [("replay it", f"{command} dlq replay {quote(letter.source.text)}")]


def _value(letter: DeadLetter, *, masks: bool) -> list[str]:
    if letter.value is None:
        return []
    if masks:
        return [f"value: {_mask(letter.value)}"]
    lines = [*visible_lines(letter.value[:_VALUE_BYTES]), *_more(letter.value, _VALUE_BYTES)]
    return ["value:", *(f"  {line}" for line in lines)]
