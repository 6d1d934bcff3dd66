"""The reader of table files: every physical line is a row, rejected, blank or the header, for any bytes."""

import json
import os
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.fuzz import examples

from fraudstream.errors import PaymentFileError
from fraudstream.payment import InvalidPayment, PaymentFormat
from fraudstream.payment_files.opening import CHUNK_BYTES
from fraudstream.payment_files.physical_lines import LONGEST_LINE, lines
from fraudstream.payment_files.reading import opened
from fraudstream.payment_files.rows import Batch, Rejected, Row, payments
from fraudstream.payment_schema import default_schema

COLUMNS = (*default_schema().fields, "note")
GOOD = ("7", "12.5", "0.25", "3", "18", "1", "x")
PAYMENT = {
    "payment_id": 7,
    "amount": 12.5,
    "country_risk_score": 0.25,
    "failed_logins": 3,
    "transaction_hour": 18,
    "is_new_device": 1,
}
same_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(300))


class Found:
    """The batches of a file, joined."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self.rows: dict[int, Row] = {}
        self.rejected: dict[int, Rejected] = {}
        self.blank = 0
        for batch in batches:
            assert len(batch.lines) == len(batch.rows)
            assert len(batch.values) in {0, len(batch.rows)}
            self.rows |= dict(zip(batch.lines, batch.rows, strict=True))
            self.rejected |= {one.line: one for one in batch.rejected}
            self.blank += batch.blank

    def accounts_for(self, count: int, first: int) -> bool:
        """Return whether each of the lines `first` to `count` is in exactly one place."""
        named = [*self.rows, *self.rejected]
        within = all(first <= line <= count for line in named)
        return within and len(set(named)) == len(named) and len(named) + self.blank == count - first + 1


def found(path: Path, content: bytes) -> Found:
    """Read a file with that content."""
    path.write_bytes(content)
    with opened(path, payments(default_schema(), lambda line: line)) as table:
        return Found(table.batches)


def header(delimiter: bytes = b",") -> bytes:
    """Return a header and a first row, which fix the delimiter and the decimal mark."""
    return b"\n".join(delimiter.join(cell.encode() for cell in row) for row in (COLUMNS, GOOD)) + b"\n"


pieces = st.sampled_from(
    [
        b'"', b'""', b",", b";", b"\t", b"\n", b"\r", b"\r\n", b" ", b"\0", b"\xff", b"\xed\xa0\x80", "é".encode(),
        "\u2028".encode(), b"\x0b", b"\x0c", b"\x1c", b"\x85", ",".join(GOOD).encode(), b"12.5", b"1,5",
        b"true", b"{", b"}", json.dumps(PAYMENT).encode(), b"NaN", b"[" * 300, b"\xef\xbb\xbf",
        b'7,12.5,0.25,3,18,1,"x', b'7,12.5,0.25,3,18,1,"x"',
    ]
)  # fmt: skip
contents = st.lists(pieces | st.binary(max_size=8), max_size=30).map(b"".join)


@same_file
@given(contents)
@example(b'7,12.5,0.25,3,18,1,"x\n7,12.5,0.25,3,18,1,y"\n')
def test_every_line_of_a_csv_is_accounted_for(tmp_path: Path, content: bytes) -> None:
    """Arbitrary bytes follow a valid beginning."""
    whole = header() + content
    assert found(tmp_path / "some.csv", whole).accounts_for(len(whole.splitlines()), 2)


@same_file
@given(contents)
def test_every_line_of_a_json_lines_file_is_accounted_for(tmp_path: Path, content: bytes) -> None:
    """Arbitrary bytes follow a letter that excludes other formats."""
    assert found(tmp_path / "some.jsonl", b"x" + content).accounts_for(len((b"x" + content).splitlines()), 1)


@same_file
@given(contents)
def test_any_file_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    """Nothing else is raised; a file that is read has its header on its first line that is not blank."""
    for name in ("some.csv", "some.jsonl"):
        try:
            result = found(tmp_path / name, content)
        except PaymentFileError as error:
            assert "\n" not in str(error)  # noqa: PT017 - the other outcome is valid too
        else:
            assert len(result.rows) + len(result.rejected) <= len(content.splitlines())


@settings(same_file, max_examples=examples(100))
@given(st.lists(contents.map(lambda content: content.replace(b"\r", b"").replace(b"\n", b"")), max_size=6))
def test_each_line_is_judged_alone(tmp_path: Path, some: list[bytes]) -> None:
    """No line completes, splits or hides another one."""
    together = found(tmp_path / "some.csv", header() + b"".join(line + b"\n" for line in some))
    for number, line in enumerate(some, 3):
        alone = found(tmp_path / "some.csv", header() + line + b"\n")
        assert together.rows.get(number) == alone.rows.get(3)
        assert (number in together.rejected) == (3 in alone.rejected)


@settings(same_file, max_examples=examples(100))
@given(st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), max_size=8), st.booleans())
def test_every_line_of_utf_16_is_accounted_for(tmp_path: Path, some: list[str], big: bool) -> None:
    """Text includes bytes of UTF-8 line ends, and files cut in the middle of a character."""
    text = header().decode() + "".join(f"{line}\n" for line in some)
    content = b"\xfe\xff" + text.encode("utf-16-be") if big else b"\xff\xfe" + text.encode("utf-16-le")
    assert found(tmp_path / "some.csv", content).accounts_for(2 + len(some), 2)
    cut = found(tmp_path / "some.csv", content + b"7")
    assert cut.accounts_for(3 + len(some), 2)
    assert 3 + len(some) in cut.rejected


@given(contents, st.lists(st.integers(0, 200)))
def test_lines_do_not_depend_on_chunks(content: bytes, places: list[int]) -> None:
    """CR and LF of one line end may come in two chunks."""
    cuts = [0, *sorted(places), len(content)]
    chunks = [content[begin:end] for begin, end in pairwise(cuts)]
    assert [line for part in lines(chunks) for line in part] == content.splitlines()


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("filler", [b"x", b" ", b","])
@pytest.mark.parametrize("more", [0, 1, 2, 3, CHUNK_BYTES])
def test_a_line_that_is_too_long_is_one_line(tmp_path: Path, filler: bytes, end: bytes, more: int) -> None:
    """A line is too long from one byte on, whatever its content; the next line is read."""
    long = filler * (LONGEST_LINE + more)
    result = found(tmp_path / "some.csv", header() + long + end + ",".join(GOOD).encode())
    assert result.accounts_for(4, 2)
    assert list(result.rows) == [2, 4]
    assert (3 in result.rejected) == (more > 0 or filler == b"x")
    if more:
        assert result.rejected[3].reason == "too_long"


@pytest.mark.parametrize("cell", ["9" * 900_000 + "x", "9," * 450_000, "9 " * 450_000, '""' * 450_000, '"' * 900_001])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_long_cell_takes_a_linear_time(tmp_path: Path, delimiter: str, cell: str) -> None:
    """The cell has any content, in the header or in a row."""
    began_s = time.process_time()
    row = delimiter.join(["7", f'"{cell}"', *GOOD[2:]]).encode()
    assert found(tmp_path / "some.csv", header(delimiter.encode()) + row).accounts_for(3, 2)
    with pytest.raises(PaymentFileError):
        found(tmp_path / "some.csv", f"{cell}\n".encode())
    assert time.process_time() - began_s < 4


def test_long_lines_are_not_held_in_memory() -> None:
    """Only a limited part of a line without an end is returned."""
    (line,) = [one for part in lines(b"x" * CHUNK_BYTES for _ in range(400)) for one in part]
    assert LONGEST_LINE < len(line) <= LONGEST_LINE + 2 + CHUNK_BYTES


def test_other_than_a_file_is_refused_immediately(tmp_path: Path) -> None:
    """Opening a pipe would block, and it could be read only once."""
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "folder.csv", tmp_path / "pipe.csv", Path("/dev/null"), tmp_path):
        with (
            pytest.raises(PaymentFileError, match=r"is not a regular file|must end in"),
            opened(path, payments(default_schema(), lambda line: line)),
        ):
            pass


def lines_of(*some: Row | bytes) -> bytes:
    """Return the bytes of a JSON Lines file."""
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in some)


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (
            json.dumps(PAYMENT | {"amount": float("nan")}).encode(),
            "invalid_field",
            "column amount: 'NaN' must be a finite",
        ),
        (json.dumps(PAYMENT)[:-1].encode() + b',"x":NaN}', "invalid_json", "NaN or Infinity"),
        (json.dumps(PAYMENT)[:-1].encode().replace(b'"payment_id": 7, ', b"") + b',"x":NaN}', "invalid_json", "NaN or"),
        (
            lines_of(PAYMENT | {"amount": -1, "data": {}, "schema": 1, "payload": {}}),
            "invalid_field",
            "column amount: '-1' must be greater",
        ),
        (
            json.dumps(PAYMENT | {"amount": "12"}).encode(),
            "invalid_field",
            "column amount: '\"12\"' must be a valid number",
        ),
        (
            json.dumps(PAYMENT | {"is_new_device": True}).encode(),
            "invalid_field",
            "column is_new_device: 'true' must be",
        ),
        (json.dumps(PAYMENT | {"failed_logins": 3.0}).encode(), "invalid_field", "column failed_logins: '3.0' must be"),
        (json.dumps(PAYMENT | {"payment_id": 2**70}).encode(), "invalid_field", "column payment_id: '118059162071"),
        (json.dumps(PAYMENT).replace("12.5", "9" * 5_000).encode(), "invalid_json", "number out of range"),
        (
            json.dumps(PAYMENT).replace("12.5", "1e400").encode(),
            "invalid_field",
            "column amount: 'Infinity' must be a finite",
        ),
        (b"[" * 1_000, "invalid_json", "recursion limit exceeded"),
        (b"[" * 100_000, "invalid_json", "more than 10,000 commas, colons and brackets"),
        (b'{"a":' * 1_000, "invalid_json", "recursion limit exceeded"),
        (b"{}", "missing_field", "column amount: no value; column country_risk_score: no value"),
        (b"{,}", "invalid_json", "key must be a string at line 1 column 2"),
        (b'{"amount":1,}', "invalid_json", "trailing comma at line 1 column 13"),
        (b"[]", "not_an_object", "JSON array"),
        (b"\xff", "invalid_json", ""),
        (b"\xc2\xa0{}", "invalid_json", "NO-BREAK SPACE"),
        (lines_of({"payload": PAYMENT}), "missing_field", "an object in 'payload'"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_json_lines_are_held_to_the_rules_of_the_wire(tmp_path: Path, line: bytes, reason: str, detail: str) -> None:
    """The error has the column and the value; the lines around are read."""
    result = found(tmp_path / "some.jsonl", lines_of(PAYMENT, line, PAYMENT))
    assert list(result.rows) == [1, 3]
    assert result.rejected[2].reason == reason
    assert detail in result.rejected[2].detail
    assert len(result.rejected[2].detail) <= 300


def test_of_a_json_field_given_twice_the_last_one_counts(tmp_path: Path) -> None:
    """The rule is that of the wire."""
    twice = json.dumps(PAYMENT)[:-1].encode() + b',"amount":99}'
    assert found(tmp_path / "some.jsonl", twice).rows[1]["amount"] == 99


without_id = {name: value for name, value in PAYMENT.items() if name != "payment_id"}


@pytest.mark.parametrize(
    ("line", "payment_id"),
    [
        (json.dumps(PAYMENT).encode(), 7),
        (json.dumps(without_id).encode(), 1),
        (b"  { " + json.dumps(without_id).encode()[1:], 1),
        (json.dumps(without_id | {"note": '"payment_id"'}).encode(), 1),
        (json.dumps(without_id | {"nested": {"payment_id": 3}}).encode(), 1),
        (json.dumps(PAYMENT).replace("payment_id", "p\\u0061yment_id").encode(), 7),
    ],
)
def test_a_json_line_without_an_id_gets_one(tmp_path: Path, line: bytes, payment_id: int) -> None:
    """The id is the line's number; an id of its own always counts, however its name is written."""
    path = tmp_path / "some.jsonl"
    path.write_bytes(line)
    with opened(path, payments(default_schema(), lambda number: number)) as table:
        ((row, value),) = [pair for batch in table.batches for pair in zip(batch.rows, batch.values, strict=True)]
    assert row["payment_id"] == payment_id
    event = PaymentFormat(default_schema()).decode(value)
    assert not isinstance(event, InvalidPayment)
    assert event == row


def test_a_second_header_with_its_columns_in_another_order_ends_the_reading(tmp_path: Path) -> None:
    """Read by the first header, the rows after it would be other payments, without an error."""
    other = (*reversed(COLUMNS[:-1]), COLUMNS[-1])
    content = "\n".join(",".join(row) for row in (COLUMNS, GOOD, other, GOOD))
    with pytest.raises(PaymentFileError, match=r"\.csv, line 3: a second header, with its columns in another order"):
        found(tmp_path / "two.csv", content.encode())
    again = "\n".join(",".join(row) for row in (COLUMNS, GOOD, COLUMNS, GOOD))
    assert list(found(tmp_path / "again.csv", again.encode()).rows) == [2, 4]
