"""A dead letter as it is shown: all of it, with nothing that moves the cursor."""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.letters import GOOD, letter_of, letter_record
from tests.scores import FORMAT

from cli.dlq import showing
from cli.dlq.lines import export_line, parse_line
from fraudstream.dead_letter import (
    REPLAY_OF,
    DeadLetter,
    Replayed,
)
from fraudstream.payment import InvalidPayment, PaymentFormat
from fraudstream.payment_schema import parse
from fraudstream.record import Headers
from fraudstream.runtime.escaping import visible, visible_bytes, visible_lines


def shown(
    letter: DeadLetter, replays: Sequence[Replayed] = (), *, rules: PaymentFormat = FORMAT.payment, masks: bool = False
) -> str:
    """Return the text of the letter."""
    return showing.text(letter, replays, "dlq", 1_000, rules, masks=masks, command="./fs")


@given(st.text() | st.text("\x00\x1b\x9b\u202e\u200b\n\ra"), st.binary())
def test_nothing_shown_moves_the_cursor(text: str, value: bytes) -> None:
    """No control or hidden character is shown, whatever another writer wrote; plain text is unchanged."""
    for shown in (visible(text), visible_bytes(value), *visible_lines(value)):
        assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert visible("12,50 € für Ärzte \\n") == "12,50 € für Ärzte \\n"


def test_everything_of_a_letter() -> None:
    """A letter is shown with its place, printable headers and bytes, its replays, and its validity today."""
    own: Headers = [("trace", b"a\x1b"), ("null", None), (REPLAY_OF, b"dlq/0/1")]
    letter = letter_of(letter_record(7, b"{\n\x1b[2J\xff", own=own), 3)
    marker = Replayed(partition=3, offset=9, letter_offset=7, timestamp_ms=9_000, edited=True, again=False)
    text = shown(letter, [marker])
    for expected in (
        "dead letter in/0/77\n",
        "stored as  dlq/3/7\n",
        "trace: a\\x1b",
        "null: null",
        "dlq/0/1",
        "1970-01-01T00:00:09.000Z into in, partition 3, edited",
        "still a dead letter: invalid_json: ",
        "  {\n  \\x1b[2J\\xff",
    ):
        assert expected in text
    why = FORMAT.payment.decode(b"[")
    assert isinstance(why, InvalidPayment)
    again = replace(letter_of(letter_record(1, b"[")), reason=why.reason, detail=why.detail)
    assert "today       still a dead letter\n" in shown(again)
    assert "not yet" in shown(letter_of(letter_record(1, GOOD)))
    assert "can be scored" in shown(letter_of(letter_record(1, GOOD)))
    assert "a tombstone" in shown(letter_of(letter_record(1, None)))
    assert "replay it  ./fs dlq replay in/0/71\n" in shown(letter_of(letter_record(1, GOOD)))
    assert "correct it  ./fs dlq export in/0/71 --out outputs/letters.jsonl\n" in shown(letter_of(letter_record(1)))
    assert "./fs" not in text
    incomplete = letter_of(letter_record(1, GOOD, key=b"k" * 6_000, limit=5_000))
    text = shown(incomplete)
    assert f"key, 6,000 bytes, too large for the topic; SHA-256 {sha256(6_000 * b'k').hexdigest()}" in text
    assert "can't be replayed: its key or headers were removed" in text
    assert json.loads(export_line(incomplete, 0, ()))["removed"][0]["bytes"] == 6_000
    assert "only the first 5,000" in shown(letter_of(letter_record(1, b"x" * 6_000)))


SECRET = parse('id = "id"\n[fields.id]\ntype = "text"\n[fields.pan]\ntype = "text"\nsecret = true\n', "payment.toml")
CLEAR = "4111111111111111"


def test_secrets_are_masked() -> None:
    """Key, value and headers have sizes in place of their content; where the message was, and why, is shown."""
    value = f'{{"pan":"{CLEAR}"}}'.encode()
    own: Headers = [("pan", CLEAR.encode()), ("null", None), (REPLAY_OF, b"dlq/0/1")]
    letter = letter_of(letter_record(7, value, own=own, key=CLEAR.encode()), 3)
    rules = PaymentFormat(SECRET)
    text = shown(letter, rules=rules, masks=True)
    assert CLEAR not in text
    for expected in (
        "masked (16 bytes; --raw shows them)",
        "pan: masked (16 bytes",
        "null: null",
        "replay of   dlq/0/1",
        "still a dead letter: missing_field: id: Field required",
        f"value: masked ({len(value)} bytes",
        "dead letter in/0/77\n",
        "./fs dlq export in/0/77 --raw --out",
    ):
        assert expected in text, text
    assert CLEAR in shown(letter, rules=rules, masks=False)
    assert "masked" not in shown(letter_of(letter_record(1, None, key=None)), rules=rules, masks=True)
    line = export_line(letter, 1_000, (), masks=True)
    exported = json.loads(line)
    assert CLEAR not in line
    assert exported["masked"] is True
    assert (exported["key_bytes"], exported["value_bytes"]) == (16, len(value))
    assert exported["headers"][:2] == [{"name": "pan", "value_bytes": 16}, {"name": "null", "value": None}]


def test_a_masked_line_is_not_replayed() -> None:
    """It has no value: its replay would send an empty message; a tombstone has none either way."""
    cut = letter_of(letter_record(7, b"x" * 6_000))
    line = export_line(cut, 1_000, (), masks=True)
    assert json.loads(line)["value_bytes"] == 6_000
    with pytest.raises(ValueError, match="dlq export --raw"):
        parse_line(line.encode())
    assert parse_line(export_line(letter_of(letter_record(7, None)), 0, (), masks=True).encode()).value is None
