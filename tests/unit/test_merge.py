"""Input against outputs: every kind of finding, in windows of any size, compared with a plain model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.audit.content import Content
from cli.audit.merge import Bounds, Kind, Merge

T = TypeVar("T")
CONTENT: Content = ("7", 0.25, "review", "v1")
OTHER: Content = ("7", 0.5, "block", "v1")


@dataclass(kw_only=True)
class Outputs:
    """Outputs of records 0…9, correct by default: 8 scored, then 2 dead letters."""

    inputs: list[int] = field(default_factory=lambda: list(range(10)))
    rows: list[tuple[int, Content]] = field(default_factory=lambda: [(offset, CONTENT) for offset in range(8)])
    scored: list[tuple[int, Content]] = field(default_factory=lambda: [(offset, CONTENT) for offset in range(8)])
    dead: list[tuple[int, int]] = field(default_factory=lambda: [(offset, offset) for offset in (8, 9)])


def judged(
    outputs: Outputs,
    window: int = 4,
    *,
    topic_from: int = 0,
    start: int = 0,
    end: int = 10,
    csv: bool = True,
    compacted: bool = False,
) -> Merge:
    """Merge in windows of N records, as the driver does: outputs up to the first one after the window."""
    merge = Merge(Bounds(start=start, end=end, topic_from=topic_from, compacted=compacted), csv=csv)
    rows, scored, dead = list(outputs.rows), list(outputs.scored), list(outputs.dead)
    inputs = [offset for offset in outputs.inputs if start <= offset < end]
    for first in range(0, len(inputs), window):
        part = inputs[first : first + window]
        merge.window(
            {offset: offset for offset in part},
            _taken(rows, part[-1]),
            _taken(scored, part[-1]),
            _taken(dead, part[-1]),
        )
    merge.window({}, rows, scored, dead)
    merge.finish()
    return merge


def _taken(entries: list[tuple[int, T]], last: int) -> list[tuple[int, T]]:
    """Take the entries before the first one after `last`."""
    count = next((index for index, (offset, _) in enumerate(entries) if offset > last), len(entries))
    taken = entries[:count]
    del entries[:count]
    return taken


def found(merge: Merge) -> dict[Kind, int]:
    """Return the kinds found, with their counts."""
    return dict(merge.findings)


@pytest.mark.parametrize("window", [1, 4, 100])
def test_all_well(window: int) -> None:
    """Each record has one outcome."""
    merge = judged(Outputs(), window)
    assert found(merge) == {}
    assert (merge.records, merge.scored, merge.dead, merge.once) == (10, 8, 2, 10)


def _drop(entries: list[tuple[int, object]], offset: int) -> None:
    entries[:] = [entry for entry in entries if entry[0] != offset]


def test_each_kind_of_finding() -> None:
    """Each single fault is found, in any window."""
    for window in (1, 2, 4, 100):
        for name, (outputs, expected) in _faults().items():
            merge = judged(outputs, window)
            assert found(merge) == expected, (name, window)
            assert merge.once == (9 if Kind.NO_INPUT not in expected else len(outputs.inputs)), (name, window)


def test_without_the_csv() -> None:
    """The same faults are found as far as the topics show them, and none of the CSV."""
    of_the_csv = {"no row", "row twice", "row again at the end", "dead, a row too", "different", "rows out of order"}
    other = {"no scored record": {Kind.LOST: 1}, "no record of this offset": {Kind.NO_INPUT: 1}}
    for window in (1, 2, 4, 100):
        for name, (outputs, expected) in _faults().items():
            merge = judged(replace(outputs, rows=[]), window, csv=False)
            assert found(merge) == ({} if name in of_the_csv else other.get(name, expected)), (name, window)
            assert merge.uncompared == merge.unretained == 0


def _faults() -> dict[str, tuple[Outputs, dict[Kind, int]]]:
    row = [(offset, CONTENT) for offset in range(8)]
    dead = [(8, 8), (9, 9)]
    without_3 = [entry for entry in row if entry[0] != 3]
    return {
        "lost": (Outputs(rows=without_3, scored=without_3), {Kind.LOST: 1}),
        "a dead letter lost": (Outputs(dead=dead[:1]), {Kind.LOST: 1}),
        "no row": (Outputs(rows=without_3), {Kind.TOPIC_ONLY: 1}),
        "no scored record": (Outputs(scored=without_3), {Kind.CSV_ONLY: 1}),
        "row twice": (Outputs(rows=[*row[:4], row[3], *row[4:]]), {Kind.TWICE_IN_CSV: 1}),
        "row again at the end": (Outputs(rows=[*row, row[3]]), {Kind.TWICE_IN_CSV: 1}),
        "scored twice": (Outputs(scored=[*row[:4], row[3], *row[4:]]), {Kind.TWICE_IN_TOPIC: 1}),
        "scored again at the end": (Outputs(scored=[*row, row[3]]), {Kind.TWICE_IN_TOPIC: 1}),
        "dead twice": (Outputs(dead=[*dead, dead[1]]), {Kind.TWICE_DEAD: 1}),
        "dead again later": (Outputs(dead=[*dead, dead[0]]), {Kind.TWICE_DEAD: 1}),
        "scored and dead": (Outputs(dead=[(3, 3), *dead]), {Kind.SCORED_AND_DEAD: 1}),
        "scored, dead at the end": (
            Outputs(dead=[*dead, (3, 3)]),
            {Kind.SCORED_AND_DEAD: 1, Kind.OUT_OF_ORDER: 1},
        ),
        "dead, a row too": (Outputs(rows=[*row, (8, CONTENT)]), {Kind.SCORED_AND_DEAD: 1}),
        "dead, scored at the end": (
            Outputs(scored=[*row, (8, CONTENT)], dead=[(8, 8), (9, 9)]),
            {Kind.SCORED_AND_DEAD: 1},
        ),
        "different": (Outputs(rows=[*row[:3], (3, OTHER), *row[4:]]), {Kind.DIFFERENT: 1}),
        "rows out of order": (Outputs(rows=[*row[:3], row[4], row[3], *row[5:]]), {Kind.OUT_OF_ORDER: 1}),
        "scored out of order": (Outputs(scored=[*without_3, row[3]]), {Kind.OUT_OF_ORDER: 1}),
        "no record of this offset": (Outputs(inputs=[0, 1, 2, 4, 5, 6, 7, 8, 9]), {Kind.NO_INPUT: 2}),
    }


def test_a_late_row_is_compared_too() -> None:
    """A late row is out of order, and compared too."""
    rows = [(offset, CONTENT) for offset in (0, 1, 2, 4, 5, 6, 7)]
    merge = judged(Outputs(rows=[*rows, (3, OTHER)]), 2)
    assert found(merge) == {Kind.OUT_OF_ORDER: 1, Kind.DIFFERENT: 1}
    assert merge.once == 9


def test_transaction_markers_are_not_records() -> None:
    """Gaps in the input's offsets are not missing records."""
    kept = [(offset, CONTENT) for offset in (0, 1, 5, 6)]
    merge = judged(Outputs(inputs=[0, 1, 5, 6, 8, 9], rows=kept, scored=kept))
    assert found(merge) == {}
    assert merge.records == merge.once == 6


def test_outputs_outside_of_the_range_are_skipped() -> None:
    """Outputs committed later, or before the time of this group, are not findings."""
    merge = judged(Outputs(), start=2, end=6)
    assert found(merge) == {}
    assert merge.records == merge.scored == 4


def test_records_that_the_scored_topic_no_longer_retains() -> None:
    """A row alone is enough there; without a row or a dead letter, the record is lost."""
    outputs = Outputs(scored=[(offset, CONTENT) for offset in range(5, 8)])
    merge = judged(outputs, topic_from=5)
    assert found(merge) == {}
    assert (merge.unretained, merge.scored, merge.once) == (5, 3, 10)
    _drop(outputs.rows, 2)  # type: ignore[arg-type]
    assert found(judged(outputs, topic_from=5)) == {Kind.LOST: 1}


def test_dead_letters_of_a_previous_topic() -> None:
    """Their timestamp differs from that of the record that now has their offset."""
    merge = judged(Outputs(dead=[(1, 777), (3, 778), (8, 8), (9, 9)]))
    assert found(merge) == {}
    assert merge.previous == 2


def test_examples_are_limited_counts_are_not() -> None:
    """The first 20 ranges of a kind are kept; consecutive offsets with the same detail are one range."""
    inputs = list(range(100))
    merge = judged(Outputs(inputs=inputs, rows=[], scored=[], dead=[]), end=100)
    assert found(merge) == {Kind.LOST: 100}
    assert [finding.offsets for finding in merge.examples] == [range(100)]
    rows = [(offset, CONTENT) for offset in range(0, 100, 2)]
    merge = judged(Outputs(inputs=inputs, rows=rows, scored=rows, dead=[]), end=100)
    assert found(merge) == {Kind.LOST: 50}
    assert [finding.offsets for finding in merge.examples] == [range(one, one + 1) for one in range(1, 41, 2)]


def test_a_difference_names_the_fields() -> None:
    """The message has both values."""
    merge = judged(Outputs(rows=[(0, OTHER), *[(offset, CONTENT) for offset in range(1, 8)]]))
    (finding,) = merge.examples
    assert finding.detail == "fraud_probability: CSV 0.5, topic 0.25; decision: CSV block, topic review"


entries = st.lists(st.tuples(st.integers(0, 12), st.sampled_from([CONTENT, OTHER])), max_size=14)


@given(
    inputs=st.sets(st.integers(0, 12), min_size=1),
    rows=entries,
    scored=entries,
    dead=st.lists(st.integers(0, 12), max_size=5),
    window=st.integers(1, 13),
)
def test_any_outputs_are_judged_as_a_plain_model_does(
    inputs: set[int],
    rows: list[tuple[int, Content]],
    scored: list[tuple[int, Content]],
    dead: list[int],
    window: int,
) -> None:
    """Order and windows don't change what is lost, twice, alone or correct; sorted outputs are never out of order."""
    outputs = Outputs(inputs=sorted(inputs), rows=rows, scored=scored, dead=[(offset, offset) for offset in dead])
    merge = judged(outputs, window, end=13)
    expected = _model(inputs, rows, scored, dead)
    ordered = all(list(part) == sorted(part) for part in ([o for o, _ in rows], [o for o, _ in scored], dead))
    actual = {kind: count for kind, count in merge.findings.items() if kind not in {Kind.OUT_OF_ORDER, Kind.DIFFERENT}}
    assert actual == {kind: count for kind, count in expected.items() if count and kind is not Kind.DIFFERENT}
    if ordered:
        assert merge.findings[Kind.OUT_OF_ORDER] == 0
        assert merge.findings[Kind.DIFFERENT] == expected[Kind.DIFFERENT]
    assert merge.records == len(inputs)


def _model(
    inputs: set[int], rows: Sequence[tuple[int, Content]], scored: Sequence[tuple[int, Content]], dead: Sequence[int]
) -> Counter[Kind]:
    """Count the findings with everything in memory."""
    counts: Counter[Kind] = Counter()
    outputs = [[offset for offset, _ in rows], [offset for offset, _ in scored], list(dead)]
    for places, twice in zip(outputs, (Kind.TWICE_IN_CSV, Kind.TWICE_IN_TOPIC, Kind.TWICE_DEAD), strict=True):
        strays = [offset for offset in places if offset not in inputs]
        counts[twice] += sum(count - 1 for offset, count in Counter(places).items() if offset in inputs)
        counts[Kind.NO_INPUT] += len(strays)
    for offset in inputs:
        row, event, letter = (offset in places for places in outputs)
        if letter and (row or event):
            counts[Kind.SCORED_AND_DEAD] += 1
        elif row and event:
            counts[Kind.DIFFERENT] += dict(reversed(rows))[offset] != dict(reversed(scored))[offset]
        elif row:
            counts[Kind.CSV_ONLY] += 1
        elif event:
            counts[Kind.TOPIC_ONLY] += 1
        elif not letter:
            counts[Kind.LOST] += 1
    return counts


@pytest.mark.parametrize("window", [1, 3, 10])
def test_outputs_of_compacted_records(window: int) -> None:
    """Outputs whose records may have been compacted are not findings; each offset counts once."""
    outputs = Outputs(inputs=[2, 5, 9])
    merge = judged(outputs, window, compacted=True)
    assert found(merge) == {}
    assert list(merge.compacted) == [0, 1, 3, 4, 6, 7, 8]
    assert merge.once == merge.records == 3
    assert found(judged(outputs, window)) == {Kind.NO_INPUT: 13}


def test_erased_rows_are_not_missed() -> None:
    """A re-created topic has the offset again, with another timestamp: only the erased record itself is excused."""
    merge = Merge(Bounds(start=0, end=4, erased=frozenset([(1, 11), (2, 999), (3, 13)])))
    content = ("7", 0.5, "review", "v1")
    scored = [(offset, content) for offset in range(3)]
    merge.window({0: 10, 1: 11, 2: 12, 3: 13}, scored[:1], scored, [])
    merge.finish()
    assert (merge.scored, merge.erased, merge.once) == (1, 2, 3)
    assert [(one.kind, one.offsets) for one in merge.examples] == [(Kind.TOPIC_ONLY, range(2, 3))]
