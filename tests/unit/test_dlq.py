"""Dead letters selected, listed and planned for a replay: the operations that need no Kafka."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.letters import GOOD, NOW_MS, TARGET, indexed, letter_record, marker_record
from tests.scores import FORMAT, Record

from cli.dlq import listing
from cli.dlq.choosing import Choice, LetterPlace, Status
from cli.dlq.edited import Edited
from cli.dlq.index import Index
from cli.dlq.plan import CUT, FOREIGN, INCOMPLETE, NO_PARTITION, REPLAYED, TOO_LARGE, Plan, planned
from cli.moments import moment_ms


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
    one = planned(index, Choice(status="open"), Edited(file, FORMAT.payment).edits, TARGET, again=False, limit=None)
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
