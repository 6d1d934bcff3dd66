"""Dead letters selected, listed and planned for a replay: the operations that need no Kafka."""

import json
from argparse import ArgumentParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.letters import GOOD, NOW_MS, TARGET, indexed, letter_record, marker_record
from tests.scores import FORMAT, Record

from cli.dlq import arguments, listing
from cli.dlq.choosing import Choice, Status
from cli.dlq.edited import Edited
from cli.dlq.index import Index
from cli.dlq.places import LetterPlace, Places, grouped, places_text
from cli.dlq.plan import CUT, FOREIGN, INCOMPLETE, NO_PARTITION, REPLAYED, TOO_LARGE, Plan, planned
from cli.moments import moment_ms
from fraudstream.dead_letter import Place


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
    choice = Choice(topic="dlq", status=status, reasons=reasons, partitions=partitions, since_ms=since, until_ms=until)
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
        ("999999999d", 0),
        ("1969-12-31T23:59:59.999Z", 0),
        ("0999-01-01", 0),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ],
)
def test_times(text: str, moment: int) -> None:
    """Times are absolute, or spans before now."""
    assert moment_ms(text, 100_000) == moment


def test_a_time_that_no_output_can_have() -> None:
    """A time after the year 9999 in UTC is refused."""
    with pytest.raises(ValueError, match="is after the year 9999"):
        moment_ms("9999-12-31T23:59:59-01:00", 0)


@pytest.mark.parametrize("text", ["", "h", "2w", "-1h", "tomorrow", "1.5h", "٣h"])
def test_an_invalid_time(text: str) -> None:
    """The error has examples."""
    with pytest.raises(ValueError, match="such as"):
        moment_ms(text, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "3/4",
        "/3/4",
        "in/3/",
        "in/3/4/5",
        "in/-1/4",
        "in/3/ 4",
        "in/3/4-",
        "in/3/4,",
        "in/3/-4",
        "in/٣/4",
        "i n/3/4",
    ],
)
def test_an_invalid_place(text: str) -> None:
    """The error has examples."""
    with pytest.raises(ValueError, match="TOPIC/PARTITION/OFFSET, such as test-payments/3/1234"):
        Places.parse(text)
    with pytest.raises(ValueError, match="ends before it begins"):
        Places.parse("in/3/4,9-8")


@given(st.sets(st.integers(0, 40), min_size=1))
def test_places_are_read_as_they_are_written(offsets: set[int]) -> None:
    """Consecutive offsets are one range; the text, which the commands print, is accepted by them."""
    (written,) = grouped(Place("in-1", 3, offset, 0) for offset in offsets)
    read = Places.parse(str(written))
    assert (read, str(read)) == (written, str(written))
    assert {offset for offset in range(50) if read.contains("in-1", 3, offset)} == offsets
    assert not read.contains("in", 3, min(offsets))
    assert not read.contains("in-1", 4, min(offsets))
    assert str(read).count("-") == 1 + sum(offset + 1 in offsets and offset - 1 not in offsets for offset in offsets)


def test_letters_are_named_by_message_or_by_letter() -> None:
    """The place of a message names its letters, and the place of a letter that one."""
    index = indexed(letter_record(0), letter_record(1), letter_record(2, topic="other"), letter_record(3))

    def named(*texts: str) -> list[int]:
        choice = Choice(topic="dlq", places=[Places.parse(text) for text in texts])
        assert index.absent(choice) is None
        return [entry.place.offset for entry in index.chosen(choice)]

    assert named("in/0/71") == [1]
    assert named("other/0/72", "dlq/0/0") == [0, 2]
    assert named("in/0/70-73") == [0, 1, 3]
    assert named("in/0/73,70-71") == [0, 1, 3]
    for text, absent in (("in/0/70,72", "in/0/72"), ("in/1/70", "in/1/70"), ("dlq/0/2-9,10-12", "dlq/0/10-12")):
        assert index.absent(Choice(topic="dlq", places=[Places.parse("in/0/70"), Places.parse(text)])) == absent


def test_many_places_are_cut() -> None:
    """The first ranges of the first partitions are shown, with the number of the other letters."""
    scattered = [Place("in", 0, 2 * number, 0) for number in range(30)]
    assert list(places_text(scattered, "  ")) == ["  in/0/0,2,4,6,8,10,12,14,16,18,20,22", "  … and 18 more"]
    spread = [Place("in", number, offset, 0) for number in range(15) for offset in range(1_000)]
    assert [*places_text(spread, "")][-2:] == ["in/11/0-999", "… and 3,000 more"]
    assert list(places_text([*spread[:9], *spread[:9]], "")) == ["in/0/0-8"]
    assert not list(places_text([], ""))


def test_a_choice_is_given_again() -> None:
    """The options of a choice, which commands suggest, make the same choice."""
    parser = ArgumentParser()
    arguments.add(parser)
    for text in (
        "",
        " --reason empty --reason invalid_json --partition 0 --partition 3",
        " --since 1970-01-01T00:00:01.500Z --until 1970-01-01T00:00:02.000Z --all in/0/1-3,7 dlq/3/1",
    ):
        choice = arguments.choice(parser.parse_args(["export", *text.split()]), "dlq")
        assert choice.options == text


def plan(index: Index, *, status: Status = "open", again: bool = False, limit: int | None = None) -> Plan:
    """Return a plan without a file."""
    return planned(index, Choice(topic="dlq", status=status), None, TARGET, again=again, limit=limit)


OPEN = Choice(topic="dlq", status="open")


def left_out(one: Plan) -> dict[str, int]:
    """Return the number of letters left out, by reason."""
    return {why: len(entries) for why, entries in one.left_out.items()}


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
    assert left_out(first) == {
        REPLAYED: 1,
        FOREIGN.format(topic="in"): 1,
        CUT: 1,
        INCOMPLETE: 2,
        TOO_LARGE.format(topic="in"): 1,
    }
    assert "It can be scored now." in first.text(OPEN, "./fs")
    again = plan(index, again=True)
    assert places(again) == [(0, 0), (0, 4)]
    assert again.verdicts == {"invalid_json": 1}
    assert "1 of them would come back as dead letters: invalid_json 1." in again.text(OPEN, "./fs")
    assert "unchanged makes sense only where" in again.text(OPEN, "./fs")
    assert places(plan(index, status="replayed", again=True)) == [(0, 0)]
    beyond = plan(indexed(letter_record(0), partition=4))
    assert left_out(beyond) == {NO_PARTITION.format(topic="in"): 1}
    assert "none" in beyond.text(OPEN, "./fs")


@pytest.mark.parametrize(
    ("status", "again", "masks", "exported", "replayed"),
    [
        ("open", False, False, "", ""),
        ("open", False, True, " --raw", ""),
        ("open", True, False, " --all", " --all --again"),
        ("replayed", True, True, " --replayed --raw", " --replayed --again"),
    ],
)
def test_the_suggested_commands_are_accepted(
    status: Status, exported: str, replayed: str, *, again: bool, masks: bool
) -> None:
    """They export values that can be edited, and replay the letters that this replay would send."""
    letters = [letter_record(0), letter_record(1)]
    index = indexed(*letters, marker_record(2, letters[0]))
    text = plan(index, status=status, again=again).text(Choice(topic="dlq", status=status), "./fs", masks=masks)
    assert text.splitlines()[-2:] == [
        f"  ./fs dlq export{exported} --out outputs/letters.jsonl",
        f"  ./fs dlq replay{replayed} --from outputs/letters.jsonl",
    ]
    assert Choice(topic="dlq", status="replayed").replay_options() == " --replayed --again"


def test_a_limit_takes_the_oldest() -> None:
    """The plan shows how many letters are left for later."""
    index = indexed(*[letter_record(number, timestamp=100 - number) for number in range(5)])
    limited = plan(index, limit=2)
    assert places(limited) == [(0, 3), (0, 4)]
    assert "left for later: 3 more" in limited.text(OPEN, "./fs")


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
    one = planned(index, OPEN, Edited(file, FORMAT.payment).edits, TARGET, again=False, limit=None)
    assert places(one) == [(0, 1), (0, 3)]
    assert left_out(one) == {CUT: 1}
    assert (one.edited_count, one.verdicts) == (2, {"missing_field": 1})
    assert "2 edited, 0 unchanged" in one.text(OPEN, "./fs")
    assert "unchanged makes sense only where" not in one.text(OPEN, "./fs")


def test_a_list_has_causes_and_places() -> None:
    """A list has counts by reason, then the latest letters by cause, with ranges of places and the latest time."""
    letters = [letter_record(number, timestamp=1_000 * number, reason="empty") for number in range(6)]
    other = letter_record(8, topic="another", timestamp=7_000)
    index = indexed(*letters, marker_record(6, letters[2]), marker_record(7, letters[3]), other)
    text = listing.text(listing.listed(index, Choice(topic="dlq")), "dlq", 6, NOW_MS, "./fs")
    assert text.splitlines() == [
        "dlq: 7 dead letters, 5 not replayed",
        "",
        "reason        letters  not replayed  latest",
        "empty               6             4  1970-01-01T00:00:05.000Z",
        "invalid_json        1             1  1970-01-01T00:00:07.000Z",
        "",
        "the latest 6:",
        "invalid_json: d\\x1b[1m",
        "  another/0/78   1970-01-01T00:00:07.000Z",
        "empty: d\\x1b[1m",
        "  in/0/71,74-75  1970-01-01T00:00:05.000Z",
        "  in/0/72-73     1970-01-01T00:00:03.000Z  replayed 1970-01-01T00:00:09.000Z",
        "",
        "details: ./fs dlq show another/0/78",
    ]
    assert listing.text([], "dlq", 2, NOW_MS, "fs") == "No matching dead letters in dlq."
    lines = [json.loads(listing.json_line(*one)) for one in listing.listed(index, Choice(topic="dlq"))]
    assert [line["replayed"] for line in lines[1:3]] == [[], ["1970-01-01T00:00:09.000Z"]]
    assert [line["place"] for line in lines[-2:]] == ["in/0/75", "another/0/78"]


def test_a_suggested_command_is_one_word_per_argument() -> None:
    """The topic of a letter may be any text of another program: it can't add a command to the suggested one."""
    letters = listing.listed(indexed(letter_record(0, topic="a; rm -rf b")), Choice(topic="dlq"))
    assert listing.text(letters, "dlq", 1, NOW_MS, "fs").endswith("dlq show 'a; rm -rf b/0/70'")


def test_a_letter_of_the_future_does_not_come_first() -> None:
    """A message's timestamp is chosen by its sender: twenty of the year 9999 would hide all later letters."""
    letters = [letter_record(0, timestamp=253_370_764_800_000), letter_record(1), letter_record(2, timestamp=NOW_MS)]
    shown = listing.latest(listing.listed(indexed(*letters), Choice(topic="dlq")), 3, NOW_MS)
    assert [entry.place.offset for entry, _ in shown] == [2, 1, 0]
