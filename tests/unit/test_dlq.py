"""Dead letters selected, listed, shown, exported and planned: the operations that need no Kafka."""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scores import Record, message

from cli.dlq import listing, showing
from cli.dlq.choosing import Choice, LetterPlace, Status, moment_ms
from cli.dlq.edited import Edited, EditedFileError
from cli.dlq.index import Index
from cli.dlq.lines import export_line, parse_line
from cli.dlq.plan import CUT, FOREIGN, INCOMPLETE, NO_PARTITION, REPLAYED, TOO_LARGE, Plan, Target, planned
from fraudstream.dead_letter import (
    REDUCED_LETTER,
    REPLAY_OF,
    DeadLetter,
    Headers,
    Place,
    Replayed,
    dead_letter,
    dead_letter_headers,
    marker_headers,
)
from fraudstream.fitting import batch_bytes, fitted
from fraudstream.payment import InvalidPayment
from fraudstream.runtime.escaping import visible, visible_bytes, visible_lines

GOOD = message()
TARGET = Target(topic="in", partitions=4, message_bytes=10_000)

NOW_MS = 10_000
headers = st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=8)), max_size=3)
values = st.none() | st.binary(max_size=40) | st.text(max_size=20).map(str.encode)


def letter_record(
    offset: int,
    value: bytes | None = b"{",
    *,
    reason: str = "invalid_json",
    topic: str = "in",
    timestamp: int = 1_000,
    room: int = 5_000,
    limit: int | None = None,
    own: Sequence[tuple[str, bytes | None]] = (),
    key: bytes | None = b"k",
) -> Record:
    """Return a letter as the client returns it."""
    why = dead_letter_headers(Place(topic, 0, 70 + offset, timestamp), InvalidPayment(reason=reason, detail="d\x1b[1m"))
    cut = value is not None and len(value) > room
    notes = [("dlq.value_bytes", b"%d" % len(value or b"")), ("dlq.value_sha256", bytes(64))] if cut else []
    limit = limit or batch_bytes(key, None, [*own, *why, *notes]) + room
    kept_key, kept, _, headers = fitted((key, value, timestamp, list(own)), why, limit, REDUCED_LETTER, cuts_value=True)
    return Record(kept, offset, timestamp, key=kept_key, headers=headers)


def letter_of(record: Record, partition: int = 0) -> DeadLetter:
    """Return the letter read back from the record."""
    found = dead_letter(partition, record)
    assert found is not None
    return found


def marker_record(offset: int, letter: Record, *, again: bool = False) -> Record:
    """Return a marker for the replay of `letter`."""
    return Record(None, offset, 9_000, headers=marker_headers(letter_of(letter), edited=True, again=again))


def indexed(*records: Record, partition: int = 0, judged: bool = True) -> Index:
    """Return the index of these records of one partition."""
    index = Index(judged=judged)
    index.add(partition, records)
    return index


def test_letters_and_the_markers_of_their_replays() -> None:
    """A marker is not a letter, and records of other writers are neither."""
    letters = [letter_record(0), letter_record(1)]
    index = indexed(*letters, marker_record(2, letters[1]), Record(b"x", 3), marker_record(4, letters[1], again=True))
    assert [entry.place for entry in index] == [(0, 0), (0, 1)]
    assert len(index) == 2
    assert not index.replays(LetterPlace(0, 0))
    assert [marker.again for marker in index.replays(LetterPlace(0, 1))] == [False, True]
    assert index.get(LetterPlace(0, 2)) is None


@given(
    status=st.sampled_from(["open", "replayed", "all"]),
    reasons=st.frozensets(st.sampled_from(["empty", "invalid_json"])),
    partitions=st.frozensets(st.integers(0, 3)),
    since=st.none() | st.integers(0, 20),
    until=st.none() | st.integers(0, 20),
    stamps=st.lists(st.integers(0, 20), max_size=8),
)
def test_a_letter_matches_all_filters(
    status: Status,
    reasons: frozenset[str],
    partitions: frozenset[int],
    since: int | None,
    until: int | None,
    stamps: list[int],
) -> None:
    """A letter is listed if it matches all filters; each letter is either open or replayed."""
    letters = [
        letter_record(number, timestamp=stamp, reason=("empty", "invalid_json")[number % 2])
        for number, stamp in enumerate(stamps)
    ]
    markers = [marker_record(100 + number, letter) for number, letter in enumerate(letters) if number % 3 == 0]
    index = indexed(*letters, *markers, partition=2)
    choice = Choice(status=status, reasons=reasons, partitions=partitions, since_ms=since, until_ms=until)
    expected = [
        (2, number)
        for number, stamp in enumerate(stamps)
        if (not reasons or ("empty", "invalid_json")[number % 2] in reasons)
        and (not partitions or 2 in partitions)
        and (since is None or stamp >= since)
        and (until is None or stamp < until)
        and (status == "all" or (status == "replayed") == (number % 3 == 0))
    ]
    assert [entry.place for entry, _ in listing.listed(index, choice)] == expected


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", 10_000),
        ("1m", 40_000),
        ("1970-01-01T00:00:01Z", 1_000),
        ("1970-01-01T01:00:01.5+01:00", 1_500),
        ("1970-01-01T00:00:02", 2_000),
        ("1970-01-02", 86_400_000),
    ],
)
def test_times(text: str, moment: int) -> None:
    """Times are absolute, or spans before now."""
    assert moment_ms(text, 100_000) == moment


@pytest.mark.parametrize("text", ["", "h", "2w", "-1h", "tomorrow", "1.5h", "٣h"])
def test_an_invalid_time(text: str) -> None:
    """The error has examples."""
    with pytest.raises(ValueError, match="such as"):
        moment_ms(text, 0)


@pytest.mark.parametrize("text", ["", "3", "3/", "/4", "3/4/5", "-1/4", "3/ 4", "٣/4"])
def test_an_invalid_place(text: str) -> None:
    """The error has an example; a valid place is read as it is formatted."""
    assert str(LetterPlace.parse("3/1234")) == "3/1234"
    with pytest.raises(ValueError, match="3/1234"):
        LetterPlace.parse(text)


@given(st.text() | st.text("\x00\x1b\x9b\u202e\u200b\n\ra"), st.binary())
def test_nothing_shown_moves_the_cursor(text: str, value: bytes) -> None:
    """No control or hidden character is shown, whatever another writer wrote; plain text is unchanged."""
    for shown in (visible(text), visible_bytes(value), *visible_lines(value)):
        assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert visible("12,50 € für Ärzte \\n") == "12,50 € für Ärzte \\n"


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
        edited = Edited(path)
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
        Edited(file)
    assert expected in str(raised.value)


def test_a_missing_or_changed_file(tmp_path: Path) -> None:
    """The error states that the file can't be read, or that it has changed."""
    with pytest.raises(EditedFileError, match="can't be read"):
        Edited(tmp_path / "absent")
    file = tmp_path / "edited.jsonl"
    file.write_bytes(b'{"partition":0,"offset":1,"value":"x"}\n')
    edited = Edited(file)
    file.write_bytes(b'{"partition":0,"offset":1,"value":"y"}\n')
    with edited.opened() as opened, pytest.raises(EditedFileError, match="changed"):
        edited.value(LetterPlace(0, 1), opened)


def plan(index: Index, *, status: Status = "open", again: bool = False, limit: int | None = None) -> Plan:
    """Return a plan without a file."""
    return planned(index, Choice(status=status), None, TARGET, again=again, limit=limit)


def places(one: Plan) -> list[LetterPlace]:
    """Return the places of the letters to be sent."""
    return [entry.place for entry in one.entries]


def test_letters_left_out_of_a_replay() -> None:
    """A plan shows letters that are left out, with the reason."""
    letters = [
        letter_record(0),
        letter_record(1, topic="another"),
        letter_record(2, b"x" * 6_000),
        letter_record(3, b"x" * 9_900, room=20_000),
        letter_record(4, GOOD, reason="empty"),
        letter_record(6, GOOD, key=b"k" * 6_000, limit=5_000),
        letter_record(7, GOOD, own=[("h", bytes(6_000))], limit=5_000),
    ]
    index = indexed(*letters, marker_record(5, letters[0]))
    first = plan(index)
    assert places(first) == [(0, 4)]
    assert first.left_out == {
        REPLAYED: 1,
        FOREIGN.format(topic="in"): 1,
        CUT: 1,
        INCOMPLETE: 2,
        TOO_LARGE.format(topic="in"): 1,
    }
    assert "It can be scored now." in first.text("dlq")
    again = plan(index, again=True)
    assert places(again) == [(0, 0), (0, 4)]
    assert again.verdicts == {"invalid_json": 1}
    assert "1 of them would come back as dead letters: invalid_json 1." in again.text("dlq")
    assert "unchanged makes sense only where" in again.text("dlq")
    assert places(plan(index, status="replayed", again=True)) == [(0, 0)]
    beyond = plan(indexed(letter_record(0), partition=4))
    assert beyond.left_out == {NO_PARTITION.format(topic="in"): 1}
    assert "none" in beyond.text("dlq")


def test_a_limit_takes_the_oldest() -> None:
    """The plan shows how many letters are left for later."""
    index = indexed(*[letter_record(number, timestamp=100 - number) for number in range(5)])
    limited = plan(index, limit=2)
    assert places(limited) == [(0, 3), (0, 4)]
    assert "left for later: 3 more" in limited.text("dlq")


def test_a_plan_with_a_file(tmp_path: Path) -> None:
    """Only the file's letters are sent, with its values; a letter that was cut needs another value than the cut one."""
    letters = [letter_record(0), letter_record(1), letter_record(2, b"x" * 6_000), letter_record(3, b"x" * 6_000)]
    index = indexed(*letters, judged=False)
    file = tmp_path / "edited.jsonl"
    file.write_text(
        "".join(
            json.dumps({"partition": 0, "offset": offset, "value": value}) + "\n"
            for offset, value in ((1, GOOD.decode()), (2, "x" * 5_000), (3, "{}"))
        )
    )
    one = planned(index, Choice(status="open"), Edited(file).edits, TARGET, again=False, limit=None)
    assert places(one) == [(0, 1), (0, 3)]
    assert one.left_out == {CUT: 1}
    assert (one.edited_count, one.verdicts) == (2, {"missing_field": 1})
    assert "2 edited, 0 unchanged" in one.text("dlq")
    assert "unchanged makes sense only where" not in one.text("dlq")


def test_a_list_shows_replays() -> None:
    """A list has counts by reason, the newest letter first, no raw escape; the same as JSON."""
    letters = [letter_record(number, timestamp=1_000 * number, reason="empty") for number in range(3)]
    index = indexed(*letters, marker_record(3, letters[1]))
    text = listing.text(listing.listed(index, Choice()), "dlq", 2, NOW_MS)
    assert "dlq: 3 dead letters, 2 of them not replayed" in text
    assert text.index("0/2 ") < text.index("0/1 ")
    assert "0/0 " not in text
    assert "1970-01-01T00:00:09.000Z" in text
    assert "\x1b" not in text
    assert listing.text([], "dlq", 2, NOW_MS) == "No matching dead letters in dlq."
    lines = [json.loads(listing.json_line(*one)) for one in listing.listed(index, Choice())]
    assert [line["replayed"] for line in lines] == [[], ["1970-01-01T00:00:09.000Z"], []]


def test_a_letter_of_the_future_does_not_come_first() -> None:
    """A message's timestamp is chosen by its sender: twenty of the year 9999 would hide all later letters."""
    letters = [letter_record(0, timestamp=253_370_764_800_000), letter_record(1), letter_record(2, timestamp=NOW_MS)]
    shown = listing.latest(listing.listed(indexed(*letters), Choice()), 3, NOW_MS)
    assert [entry.place.offset for entry, _ in shown] == [2, 1, 0]


def test_everything_of_a_letter() -> None:
    """A letter is shown with its place, printable headers and bytes, its replays, and its validity today."""
    own: Headers = [("trace", b"a\x1b"), ("null", None), (REPLAY_OF, b"dlq/0/1")]
    letter = letter_of(letter_record(7, b"{\n\x1b[2J\xff", own=own), 3)
    marker = Replayed(partition=3, offset=9, letter_offset=7, timestamp_ms=9_000, edited=True, again=False)
    text = showing.text(letter, [marker], "dlq", 1_000)
    for expected in (
        "dead letter 3/7 of dlq",
        "in, partition 0, offset 77",
        "trace: a\\x1b",
        "null: null",
        "dlq/0/1",
        "1970-01-01T00:00:09.000Z to in, partition 3, edited",
        "still a dead letter: invalid_json",
        "  {\n  \\x1b[2J\\xff",
    ):
        assert expected in text
    assert "not yet" in showing.text(letter_of(letter_record(1, GOOD)), [], "dlq", 0)
    assert "can be scored" in showing.text(letter_of(letter_record(1, GOOD)), [], "dlq", 0)
    assert "a tombstone" in showing.text(letter_of(letter_record(1, None)), [], "dlq", 0)
    incomplete = letter_of(letter_record(1, GOOD, key=b"k" * 6_000, limit=5_000))
    text = showing.text(incomplete, [], "dlq", 0)
    assert f"key, 6,000 bytes, too large for the topic; SHA-256 {sha256(6_000 * b'k').hexdigest()}" in text
    assert "can't be replayed: its key or headers were removed" in text
    assert json.loads(export_line(incomplete, 0, ()))["removed"][0]["bytes"] == 6_000
    assert "only the first 5,000" in showing.text(letter_of(letter_record(1, b"x" * 6_000)), [], "dlq", 0)


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
