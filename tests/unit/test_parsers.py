"""Parsers of other writers' bytes, with mutated inputs: each returns a value or raises its documented error.

FUZZ_CASES=100000 tries 100,000 of each; the default is a quick selection.
"""

import json
import random
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.fuzz import cases
from tests.scores import FORMAT, LAYOUT, PAYMENT, One, Record, scored_values

from archiver.rows import Rows, letter_row, replay_row
from cli.audit.entries import ScoredEntries, dead_entries, row_entries, scored_again, stored_format
from cli.audit.replays import Replays
from cli.csv.reading import CsvSnapshot
from cli.dlq.choosing import Choice
from cli.dlq.edited import Edited, EditedFileError
from cli.dlq.index import Index
from cli.dlq.lines import export_line, parse_line
from cli.dlq.listing import json_line, listed, text
from dashboard.records import dead_letter as shown_letter
from dashboard.records import dead_reason, second_of
from fraudstream.csv_file.journal import Journal, Mark, State
from fraudstream.csv_file.protocol import Identity
from fraudstream.csv_file.skip_requests import SkipRequest, SkipRequests
from fraudstream.dead_letter import Place, dead_letter, dead_letter_headers, marker_headers, replayed
from fraudstream.payment import InvalidPayment
from fraudstream.runtime.settings import TopicSettings

ROWS = Rows(FORMAT.schema, TopicSettings.from_env({}))
ENTRIES, STORED = ScoredEntries(FORMAT), stored_format(FORMAT.schema)
CASES = cases(20_000)
FILES = cases(1_000)
NOW = "2026-01-01T00:00:00.000Z"
TOKENS = [
    b"null", b"true", b"-1", b"1e400", b"NaN", b"-Infinity", b"9" * 30, b"9" * 4_400, b"1.5", b'""', b"[]", b"{}",
    b"[" * 300, b'"\\ud800"', b"\xff\xfe", b"\x00", b",", b'"', b":", b"\\", b"\r\n", b"-0", b"0x1", b"\xc2\xa0",
    b"9223372036854775808",
]  # fmt: skip
VALUE = scored_values([One(PAYMENT, 0.5, "block", "0123456789ab", 1_790_000_000_000, 3, 9)])[0]
WHY = InvalidPayment(reason="empty", detail="why")
LETTER = Record(b'{"payment_id":', 9, headers=dead_letter_headers(Place("in", 3, 42, 5), WHY))


def mutated(rng: random.Random, seed: bytes) -> bytes:
    """Return the bytes with a few changes: bytes, tokens in place of others, parts left out or repeated."""
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.randrange(12))
        match rng.randrange(5):
            case 0:
                data[at:end] = bytes(rng.randrange(256) for _ in range(rng.randrange(4)))
            case 1:
                data[at:end] = rng.choice(TOKENS)
            case 2:
                del data[at:end]
            case 3:
                data[at:at] = data[end : end + rng.randrange(40)]
            case _:
                number = _number_at(data, at)
                data[number] = rng.choice(TOKENS)
    return bytes(data)


def _number_at(data: bytearray, at: int) -> slice:
    """Return the next run of digits, which is usually a field's value."""
    begin = at
    while begin < len(data) and not 48 <= data[begin] < 58:
        begin += 1
    end = begin
    while end < len(data) and 48 <= data[end] < 58:
        end += 1
    return slice(begin, end)


def ignore(_: str) -> None:
    """Ignore an unreadable entry."""


def wire(data: bytes) -> None:
    """Parse a payment's message."""
    FORMAT.payment.decode(data)


def scored(data: bytes) -> None:
    """Parse a record of the scored topic, as archiver, page and verify do."""
    record = Record(data)
    if payment := FORMAT.read(data):
        second_of(payment.scored_at)
    ROWS.scored_row(record, NOW)
    ENTRIES.entries([record], 3, ignore)
    STORED.texts(scored_again([record], STORED, ignore)).csv_chunk()


def headers(data: bytes) -> None:
    """Parse a record of the dead-letter topic, as every command and service does; each line is a header."""
    some = [
        (name.decode(errors="backslashreplace"), value if separator else None)
        for name, separator, value in (line.partition(b"=") for line in data.split(b"\n"))
    ]
    for record in (Record(data, 10, headers=some), Record(None, 10, headers=some)):
        letter = dead_letter(3, record)
        replayed(3, record)
        letter_row("dlq", 3, record, NOW)
        replay_row("dlq", 3, record, NOW)
        dead_entries([record], "in", 3, ignore)
        shown_letter(3, record, is_masked=False)
        dead_reason(record)
        Replays(3, 0).add([record])
        index = Index(FORMAT.payment)
        index.add(3, [record])
        letters = listed(index, Choice(topic="dlq"))
        text(letters, "dlq", 5, 0, "fraudstream")
        for one in letters:
            json_line(*one)
        if letter:
            export_line(letter, record.timestamp, ())


def edited_line(data: bytes) -> None:
    """Parse a line of an exported file."""
    with suppress(ValueError):
        parse_line(data)


def csv_rows(data: bytes) -> None:
    """Parse a row of the CSV."""
    row_entries([data], LAYOUT, 3, ignore)


HEADERS = b"\n".join(
    name.encode() + b"=" + (value or b"")
    for name, value in [
        *LETTER.headers,
        ("dlq.format", b"kafka-record"),
        ("dlq.value_bytes", b"20"),
        ("dlq.key_bytes", b"7"),
    ]
)
MARKER = (
    b"\n".join(
        name.encode() + b"=" + (value or b"") for name, value in marker_headers(letter, edited=True, again=False)
    )
    if (letter := dead_letter(3, LETTER))
    else b""
)
PARSERS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "wire": (wire, [json.dumps(PAYMENT).encode()]),
    "scored": (scored, [VALUE]),
    "letters": (headers, [HEADERS, MARKER]),
    "edited lines": (edited_line, [export_line(letter, 5, ()).encode()] if letter else []),
    "csv rows": (csv_rows, [b"7,12.5,0.25,1,3,0,2026-09-21T14:13:20.000Z,0.5,block,0123456789ab,3,9\n"]),
}


@pytest.mark.parametrize("name", PARSERS)
def test_any_bytes_are_parsed_or_refused(name: str) -> None:
    """Any other exception would end the process."""
    parse, seeds = PARSERS[name]
    rng = random.Random(name)
    for number in range(CASES):
        parse(mutated(rng, seeds[number % len(seeds)]))


IDENTITY = Identity(cluster="c", topic="in", group="g")
STATE = State(identity=IDENTITY, sequence=3, length=70, tail=5, marks={0: Mark(token=2, first=0, offset=9)})
_SLOT = struct.Struct("<4sII")


def test_any_journal_is_a_state_or_none(tmp_path: Path) -> None:
    """Any journal is a state or None, also with a correct checksum: other programs may write to the folder."""
    journal = Journal(tmp_path / "journal")
    journal.write(STATE)
    assert journal.read() == STATE
    content = json.dumps(asdict(STATE)).encode()
    rng = random.Random(1)
    for number in range(FILES):
        body = mutated(rng, content)
        data = _SLOT.pack(b"FSJ1", len(body), zlib.crc32(body)) + body
        journal.path.write_bytes(mutated(rng, data) if number % 3 == 0 else data)
        found = journal.read()
        assert found is None or isinstance(found.sequence, int)


def test_any_skip_request_is_read_or_none(tmp_path: Path) -> None:
    """The answer to a skip request is read likewise."""
    requests = SkipRequests(tmp_path / "scores.csv")
    requests.leave(SkipRequest(topic="in", partition=0, offset=5))
    (path,) = tmp_path.iterdir()
    seeds = [path.read_bytes(), b'{"answer": "done"}']
    rng = random.Random(2)
    for number in range(FILES):
        path.write_bytes(mutated(rng, seeds[number % 2]))
        found = requests.pending(0)
        assert found is None or type(found.offset) is int
        requests.answered(0)


def test_any_csv_and_any_edited_file_are_read_or_refused(tmp_path: Path) -> None:
    """Whole files are read or refused; a refusal names file and line."""
    rng = random.Random(3)
    path = tmp_path / "file"
    rows, lines = PARSERS["csv rows"][1][0] * 3, PARSERS["edited lines"][1][0] + b"\n"
    for _ in range(FILES):
        path.write_bytes(mutated(rng, rows))
        with CsvSnapshot([path], LAYOUT) as snapshot:
            for partition in snapshot.partitions:
                for layout, some in snapshot.lines(partition):
                    row_entries(some, layout, partition, ignore)
        path.write_bytes(mutated(rng, lines))
        with suppress(EditedFileError):
            Edited(path, FORMAT.payment)
