"""A dead letter of many megabytes is shown in part."""

from dataclasses import replace

from cli.dlq import showing
from tests.letters import letter_of, letter_record


def test_of_a_huge_letter_the_beginning_is_shown() -> None:
    """The length is limited for any bytes: each could be an escape of four characters, or a line."""
    for part in (b"\0", b"\n", b"x"):
        letter = letter_of(letter_record(1, b""))
        huge = replace(
            letter, value=part * (8 << 20), key=part * (8 << 20), headers=[("\x1b" * 100_000, part * 100_000)] * 5_000
        )
        text = showing.text(huge, [], "dlq", 0)
        assert len(text) < 20_000_000
        assert "7,340,032 more bytes; dlq export has all of them" in text
        assert "4,900 more; dlq export has all of them" in text
