"""Dead letters exported to a file, edited, and read back."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.letters import headers, letter_of, letter_record, values
from tests.scores import FORMAT

from cli.dlq.edited import Edited, EditedFileError
from cli.dlq.lines import export_line, parse_line
from cli.dlq.places import LetterPlace
from fraudstream.record import Headers


@given(values, st.none() | st.binary(max_size=8), headers)
def test_an_exported_letter_comes_back_byte_for_byte(value: bytes | None, key: bytes | None, own: Headers) -> None:
    """Any bytes are exported as one line of ASCII without control characters."""
    letter = letter_of(letter_record(7, value, own=own, key=key), 3)
    line = export_line(letter, 1_000, ())
    assert line.isascii()
    assert line.isprintable()
    back = parse_line(line.encode())
    assert (back.place, back.value) == ((3, 7), value)
    exported = json.loads(line)
    assert [header["name"] for header in exported["headers"]] == [name for name, _ in own]
    assert exported["source_offset"] == 77


@given(st.lists(values, min_size=1, max_size=5), st.sampled_from([b"\n", b"\r\n", b"\n\n"]), st.booleans())
def test_an_edited_file_gives_each_value(contents: list[bytes | None], end: bytes, mark: bool) -> None:
    """Each value is read, with any line ends, empty lines, and a byte order mark."""
    lines = [export_line(letter_of(letter_record(number, value)), 0, ()) for number, value in enumerate(contents)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "edited.jsonl"
        path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + b"".join(line.encode() + end for line in lines))
        edited = Edited(path, FORMAT.payment)
        with edited.opened() as file:
            assert [edited.value(LetterPlace(0, number), file) for number in range(len(contents))] == contents


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"partition":0}', "must name a dead letter"),
        (b'{"partition":true,"offset":0,"value":""}', "must name a dead letter"),
        (b'{"partition":0,"offset":-1,"value":""}', "must name a dead letter"),
        (b'{"partition":0,"offset":9}', "is required"),
        (b'{"partition":0,"offset":9,"value":"","value_base64":""}', "exactly one of"),
        (b'{"partition":0,"offset":9,"value":{"a":1}}', "must be a string"),
        (b'{"partition":0,"offset":9,"value_base64":"?"}', "not valid base64"),
        (b'{"partition":0,"offset":9,"value_base64":5}', "must be a string"),
        (b'{"partition":0,"offset":9,"value":"\\ud800"}', "surrogate"),
        (b'{"partition":0,"offset":1,"value":""}', "line 1 already"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: bytes, expected: str) -> None:
    """The error has the line number and quotes nothing of the line."""
    file = tmp_path / "edited.jsonl"
    file.write_bytes(b'{"partition":0,"offset":1,"value":"x"}\n' + line + b"\n")
    with pytest.raises(EditedFileError, match=r"edited.jsonl, line 2: .*nothing was sent") as raised:
        Edited(file, FORMAT.payment)
    assert expected in str(raised.value)


def test_a_missing_or_changed_file(tmp_path: Path) -> None:
    """The error states that the file can't be read, or that it has changed."""
    with pytest.raises(EditedFileError, match="can't be read"):
        Edited(tmp_path / "absent", FORMAT.payment)
    file = tmp_path / "edited.jsonl"
    file.write_bytes(b'{"partition":0,"offset":1,"value":"x"}\n')
    edited = Edited(file, FORMAT.payment)
    file.write_bytes(b'{"partition":0,"offset":1,"value":"y"}\n')
    with edited.opened() as opened, pytest.raises(EditedFileError, match="changed"):
        edited.value(LetterPlace(0, 1), opened)
