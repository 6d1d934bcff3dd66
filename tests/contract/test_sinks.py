"""One suite for all sinks: the contract that the scorer relies on."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.memory_sink import MemorySink
from tests.scores import LAYOUT, PAYMENT, One, csv_chunk

from fraudstream.csv_file.protocol import Batch, Identity, Sink
from scorer.csv_sink import CsvSink

IDENTITY = Identity(cluster="c", topic="t", group="g")


def batch(partition: int, token: int, offsets: range, *, last: int | None = None, version: str = "v1") -> Batch:
    """Return a batch with a row at each offset; `last` is larger where dead letters follow."""
    scored = [One(PAYMENT, 0.125, "review", version, 1_790_000_000_000, partition, offset) for offset in offsets]
    end = last if last is not None else offsets[-1]
    base = offsets[0] if offsets else end
    rows = csv_chunk(scored)
    return Batch(partition=partition, token=token, base=base, last=end, fingerprint=end, rows=rows)


Stored = Callable[[], dict[int, list[int]]]


def stored_in_memory(sink: MemorySink) -> dict[int, list[int]]:
    """Return the offsets by partition."""
    return {partition: list(rows) for partition, rows in sink.rows.items()}


def stored_in_csv(path: Path) -> dict[int, list[int]]:
    """Return the offsets by partition, in the order of the file."""
    found: dict[int, list[int]] = {}
    for line in path.read_text().splitlines()[1:]:
        cells = line.split(",")
        found.setdefault(int(cells[10]), []).append(int(cells[11]))
    return found


@pytest.fixture(params=["memory", "csv"])
def sink_and_stored(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Sink, Stored]:
    """Return each kind of sink, and a function that reads its rows."""
    return make(request.param, tmp_path / "scores.csv")


def make(kind: str, path: Path) -> tuple[Sink, Stored]:
    """Return a sink of this kind."""
    if kind == "memory":
        memory = MemorySink()
        return memory, lambda: stored_in_memory(memory)
    return CsvSink(path, IDENTITY, LAYOUT), lambda: stored_in_csv(path)


def test_rows_are_kept_once(sink_and_stored: tuple[Sink, Stored]) -> None:
    """The same batch again is accepted and changes nothing."""
    sink, stored = sink_and_stored
    assert sink.is_new()
    token = sink.acquire([3])[3].token
    for _ in range(2):
        assert sink.append([batch(3, token, range(5, 8))]) == {3}
    assert stored() == {3: [5, 6, 7]}
    assert not sink.is_new()


def test_a_new_batch_and_a_replay_together_are_refused(sink_and_stored: tuple[Sink, Stored]) -> None:
    """A call with a new batch and a replay is refused: the scorer ends a replay with a cycle."""
    sink, stored = sink_and_stored
    token = sink.acquire([0])[0].token
    sink.append([batch(0, token, range(5))])
    with pytest.raises(ValueError, match="replay"):
        sink.append([batch(0, token, range(3, 9))])
    assert stored() == {0: list(range(5))}


def test_a_previous_owner_is_refused_and_the_others_are_not(sink_and_stored: tuple[Sink, Stored]) -> None:
    """A token ends when another process takes the partition."""
    sink, stored = sink_and_stored
    old = sink.acquire([0, 1])
    new = sink.acquire([0])
    assert sink.append([batch(0, old[0].token, range(3)), batch(1, old[1].token, range(2))]) == {1}
    assert sink.append([batch(0, new[0].token, range(1))]) == {0}
    assert stored() == {1: [0, 1], 0: [0]}


def test_a_process_without_a_token_is_refused(sink_and_stored: tuple[Sink, Stored]) -> None:
    """A process without a token stores no rows."""
    sink, _ = sink_and_stored
    assert sink.append([batch(9, 1, range(1))]) == frozenset()


def test_the_next_owner_learns_what_was_decided(sink_and_stored: tuple[Sink, Stored]) -> None:
    """A takeover returns last offset (dead letters included), base, fingerprint, and the last batch's rows."""
    sink, _ = sink_and_stored
    token = sink.acquire([0, 1])[0].token
    sink.append([batch(0, token, range(2))])
    sink.append([batch(0, token, range(2, 4), last=6, version="v2"), batch(1, token, range(1))])
    holding = sink.acquire([0])[0]
    assert holding.decided is not None
    assert (holding.decided.base, holding.decided.offset, holding.decided.fingerprint) == (2, 6, 6)
    assert {offset: row.model_version for offset, row in holding.rows.items()} == {2: "v2", 3: "v2"}
    assert {row.fraud_probability for row in holding.rows.values()} == {0.125}


def test_a_batch_of_dead_letters_only_is_remembered(sink_and_stored: tuple[Sink, Stored]) -> None:
    """Offsets without rows are decided too."""
    sink, stored = sink_and_stored
    token = sink.acquire([0])[0].token
    assert sink.append([batch(0, token, range(0), last=4)]) == {0}
    decided = sink.acquire([0])[0].decided
    assert decided is not None
    assert decided.offset == 4
    assert stored().get(0, []) == []


def test_a_re_created_topic_starts_from_nothing(sink_and_stored: tuple[Sink, Stored]) -> None:
    """Forgotten partitions accept offset 0 again, with the token that acquired them."""
    sink, stored = sink_and_stored
    sink.append([batch(0, sink.acquire([0])[0].token, range(9))])
    token = sink.acquire([0])[0].token
    sink.forget({0: token})
    assert sink.append([batch(0, token, range(2))]) == {0}
    assert stored()[0] == [0, 1]


def test_partitions_of_a_re_created_topic_are_found_one_after_the_other(sink_and_stored: tuple[Sink, Stored]) -> None:
    """Rows stored after a re-creation stay when the next partition is found re-created; a second one removes them."""
    sink, stored = sink_and_stored
    previous = sink.acquire([0, 1, 2])
    sink.append([batch(partition, previous[partition].token, range(9)) for partition in (0, 1, 2)])
    holdings = sink.acquire([0, 1, 2])
    tokens = {partition: holding.token for partition, holding in holdings.items()}
    for partition in (1, 0):
        sink.forget({partition: tokens[partition]})
        assert sink.append([batch(partition, tokens[partition], range(2))]) == {partition}
    assert {partition: stored()[partition] for partition in (0, 1)} == {0: [0, 1], 1: [0, 1]}
    sink.forget({0: tokens[0]})
    sink.append([batch(0, tokens[0], range(3))])
    for partition in (1, 2):
        sink.forget({partition: tokens[partition]})
    sink.append([batch(2, tokens[2], range(1))])
    assert stored() == {0: [0, 1, 2], 2: [0]}


def test_a_previous_owner_can_not_forget_partitions(sink_and_stored: tuple[Sink, Stored]) -> None:
    """A previous owner that finds the re-creation late does not remove rows that the next owner has stored since."""
    sink, stored = sink_and_stored
    sink.append([batch(0, sink.acquire([0])[0].token, range(9))])
    previous = sink.acquire([0])[0].token
    token = sink.acquire([0])[0].token
    sink.forget({0: token})
    sink.append([batch(0, token, range(2))])
    sink.forget({0: previous})
    assert stored() == {0: [0, 1]}
    assert sink.append([batch(0, token, range(2, 3))]) == {0}
    decided = sink.acquire([0])[0].decided
    assert decided is not None
    assert decided.offset == 2


steps = st.lists(
    st.tuples(
        st.sampled_from(["acquire", "append", "append", "replay", "zombie"]), st.integers(0, 2), st.integers(1, 4)
    ),
    max_size=25,
)


@pytest.mark.parametrize("kind", ["memory", "csv"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_any_sequence_of_calls_keeps_each_offset_once(
    kind: str, steps: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Owners, replays and zombies in any order: offsets ascend without gap or repeat in every partition."""
    sink, stored = make(kind, tmp_path_factory.mktemp("sink") / "scores.csv")
    assert sink.is_new()
    tokens: dict[int, list[int]] = {0: [0], 1: [0], 2: [0]}
    following = {0: 0, 1: 0, 2: 0}
    for action, partition, size in steps:
        if action == "acquire":
            tokens[partition].append(sink.acquire([partition])[partition].token)
        elif action == "append":
            start = following[partition]
            if sink.append([batch(partition, tokens[partition][-1], range(start, start + size))]):
                following[partition] = max(following[partition], start + size)
        elif action == "replay" and following[partition]:
            start = max(0, following[partition] - size)
            sink.append([batch(partition, tokens[partition][-1], range(start, following[partition]))])
        elif action == "zombie" and len(tokens[partition]) > 1:
            start = following[partition]
            assert not sink.append([batch(partition, tokens[partition][-2], range(start, start + size))])
    assert stored() == {partition: list(range(end)) for partition, end in following.items() if end}
