"""Rows erased from the CSV: all others are unchanged byte for byte, and scorers continue."""

import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from tests.contract.test_sinks import IDENTITY, stored_in_csv
from tests.fuzz import examples
from tests.scores import LAYOUT, PAYMENT, One, Payment, csv_chunk

from cli.csv import erasure
from cli.csv.erased import ErasedPlace, ErasedPlaces
from cli.csv.erasure import CsvErasure
from cli.erase.wanted import Rows, ScoredPlace
from fraudstream.csv_file.lock import FileLock
from fraudstream.csv_file.paths import all_files
from fraudstream.csv_file.protocol import Batch, Identity
from fraudstream.errors import JournalForeignError, SinkUnavailableError
from fraudstream.runtime import failpoints
from scorer.csv_sink import CsvSink

IDS = st.integers(1, 6)


def row(payment_id: int, partition: int, offset: int) -> bytes:
    """Return a row of the CSV."""
    payment: Payment = {**PAYMENT, "payment_id": payment_id}
    return csv_chunk([One(payment, 0.125, "review", "v1", 1_790_000_000_000, partition, offset)])


def append(sink: CsvSink, partition: int, offset: int, ids: list[int]) -> int:
    """Append a batch as the partition's next owner; return the next offset."""
    rows = b"".join(row(one, partition, offset + number) for number, one in enumerate(ids))
    token = sink.acquire([partition])[partition].token
    last = offset + len(ids) - 1
    batch = Batch(partition=partition, token=token, base=offset, last=last, fingerprint=last, rows=rows)
    assert sink.append([batch]) == {partition}
    return last + 1


def written(folder: Path, batches: list[tuple[int, list[int]]], rotate_bytes: int | None) -> dict[int, int]:
    """Write the batches, each of a partition; return each partition's next offset."""
    sink = CsvSink(folder / "scores.csv", IDENTITY, LAYOUT, rotate_bytes=rotate_bytes)
    ends: dict[int, int] = {}
    for partition, ids in batches:
        ends[partition] = append(sink, partition, ends.get(partition, 0), ids)
    return ends


def contents(folder: Path) -> dict[str, list[bytes]]:
    """Return the lines of each CSV file."""
    return {path.name: path.read_bytes().splitlines(keepends=True) for path in all_files(folder / "scores.csv")}


def without(lines: dict[str, list[bytes]], rows: Rows) -> dict[str, list[bytes]]:
    """Return the lines that don't match."""
    return {name: [line for line in found if not rows.match(line, LAYOUT)] for name, found in lines.items()}


@given(
    batches=st.lists(st.tuples(st.integers(0, 3), st.lists(IDS, min_size=1, max_size=6)), min_size=1, max_size=14),
    erased=st.sets(IDS, min_size=1, max_size=3),
    rotate_bytes=st.sampled_from([None, 1_000]),
    place=st.tuples(st.integers(0, 3), st.integers(0, 20), IDS),
)
@settings(max_examples=examples(150))
def test_other_rows_stay_and_scorers_continue(
    batches: list[tuple[int, list[int]]], erased: set[int], rotate_bytes: int | None, place: tuple[int, int, int]
) -> None:
    """In every file, erased rows are not read back from the last batches, and the next append finds nothing changed."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(erasure, "_BLOCK_BYTES", 200)
        folder = Path(name)
        path = folder / "scores.csv"
        ends = written(folder, batches, rotate_bytes)
        before = contents(folder)
        sink = CsvSink(path, IDENTITY, LAYOUT)
        held = {partition: holding.rows for partition, holding in sink.acquire(ends).items()}
        rows = Rows(erased, [ScoredPlace(*place)])
        counts = CsvErasure(path, IDENTITY, LAYOUT).erase(rows, [])
        assert contents(folder) == without(before, rows)
        assert {one.name: count for one, count in counts.items()} == {
            name: count for name, lines in before.items() if (count := sum(rows.match(line, LAYOUT) for line in lines))
        }
        gone = {
            tuple(map(int, line.split(b",")[10:]))
            for lines in before.values()
            for line in lines
            if rows.match(line, LAYOUT)
        }
        with capture_logs() as logs:
            for partition, holding in sink.acquire(ends).items():
                kept = {offset: row for offset, row in held[partition].items() if (partition, offset) not in gone}
                assert holding.rows == kept
                append(sink, partition, ends[partition], [9, 9])
        assert logs == []
        assert not list(folder.glob(".*.erasing"))


def test_a_running_scorer_keeps_its_token(tmp_path: Path) -> None:
    """A running scorer's next append succeeds, and a replay of erased records is skipped."""
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, LAYOUT)
    sink.claim()
    token = sink.acquire([0])[0].token
    batches = [
        Batch(partition=0, token=token, base=offset, last=offset, fingerprint=offset, rows=row(offset + 1, 0, offset))
        for offset in range(3)
    ]
    sink.append(batches[:1])
    sink.append(batches[1:2])
    CsvErasure(path, IDENTITY, LAYOUT).erase(Rows([1, 2], []), [])
    assert sink.append(batches[1:2]) == {0}
    assert sink.append(batches[2:]) == {0}
    assert stored_in_csv(path) == {0: [2]}
    sink.close()


@pytest.mark.parametrize("step", ["erase_listed", "erase_announced", "erase_replaced", "erase_done"])
@pytest.mark.parametrize("action", ["fail", "fail@2"])
@pytest.mark.parametrize("rotate_bytes", [None, 1_000])
def test_a_failure_leaves_the_old_or_the_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, action: str, rotate_bytes: int | None
) -> None:
    """Scorers append to the old or the new file; the same command again completes the erasure."""
    monkeypatch.setattr(failpoints, "_armed", {})
    path = tmp_path / "scores.csv"
    # the only batch of partition 2 is in the first file
    ends = written(tmp_path, [(2, [1, 2, 3]), *((one % 2, [1, 2, 3, one]) for one in range(4, 14))], rotate_bytes)
    before = contents(tmp_path)
    rows = Rows([2, 3], [])
    failpoints.arm(f"{step}={action}")
    if action == "fail" or (rotate_bytes is not None and step in {"erase_announced", "erase_replaced"}):
        with pytest.raises(SinkUnavailableError):
            CsvErasure(path, IDENTITY, LAYOUT).erase(rows, [])
    assert all(lines in (before[name], without(before, rows)[name]) for name, lines in contents(tmp_path).items())
    with capture_logs() as logs:
        sink = CsvSink(path, IDENTITY, LAYOUT, rotate_bytes=rotate_bytes)
        for partition, end in ends.items():
            append(sink, partition, end, [9])
    assert [entry["event"] for entry in logs if entry["event"] != "CSV rotated"] == []
    lines = [line for found in contents(tmp_path).values() for line in found]
    CsvErasure(path, IDENTITY, LAYOUT).erase(rows, [])
    assert [line for found in contents(tmp_path).values() for line in found] == [
        one for one in lines if not rows.match(one, LAYOUT)
    ]


def test_every_file_of_the_csv(tmp_path: Path) -> None:
    """Files of the CSV include renamed ones and damaged lines; not others' files, nor those of a killed rebuild."""
    written(tmp_path, [(0, [1, 2])], None)
    (tmp_path / ".scores.csv.rebuilt").write_bytes(row(1, 0, 0))
    for name in ("scores.damaged-1.csv", "scores.former-12.csv", "scores.replaced-1.csv", "scores.0001.csv"):
        (tmp_path / name).write_bytes(row(1, 0, 0) + b"2026,1,torn\n" + row(2, 0, 1))
    others = {name: row(1, 0, 0) for name in ("scores.scored.csv", "mine.csv", "scores.csv.bak")}
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    erasure = CsvErasure(tmp_path / "scores.csv", IDENTITY, LAYOUT)
    counts = erasure.count(Rows([1], []))
    assert len(counts) == 5
    assert sum(counts.values()) == 9
    assert erasure.erase(Rows([1], []), []) == counts
    assert erasure.count(Rows([1], [])) == {}
    assert {name: (tmp_path / name).read_bytes() for name in others} == others
    assert not (tmp_path / ".scores.csv.rebuilt").exists()
    assert (tmp_path / "scores.former-12.csv").read_bytes() == row(2, 0, 1)


def test_a_csv_that_is_a_link(tmp_path: Path) -> None:
    """The target of the link is rewritten, and the link remains."""
    written(tmp_path, [(0, [1, 2])], None)
    path, elsewhere = tmp_path / "scores.csv", tmp_path / "elsewhere" / "real.csv"
    elsewhere.parent.mkdir()
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    CsvErasure(path, IDENTITY, LAYOUT).erase(Rows([1], []), [])
    assert path.is_symlink()
    assert elsewhere.read_bytes().endswith(b"offset\n" + row(2, 0, 1))
    append(CsvSink(path, IDENTITY, LAYOUT), 0, 2, [3])
    assert [one.name for one in elsewhere.parent.iterdir()] == ["real.csv"]


def test_without_a_csv(tmp_path: Path) -> None:
    """Only the list is created."""
    assert CsvErasure(tmp_path / "scores.csv", IDENTITY, LAYOUT).erase(Rows([1], []), []) == {}
    assert not (tmp_path / "scores.csv").exists()


def test_the_csv_of_another_stack_or_a_held_lock(tmp_path: Path) -> None:
    """Nothing is changed."""
    written(tmp_path, [(0, [1, 2])], None)
    before = contents(tmp_path)
    path, rows = tmp_path / "scores.csv", Rows([1], [])
    with pytest.raises(JournalForeignError):
        CsvErasure(path, Identity(cluster="another", topic="t", group="g"), LAYOUT).erase(rows, [])
    with (
        FileLock(tmp_path / ".scores.csv.lock", 1).held(),
        pytest.raises(SinkUnavailableError, match="another process"),
    ):
        CsvErasure(path, IDENTITY, LAYOUT, patience_s=0.01).erase(rows, [])
    assert contents(tmp_path) == before


def test_the_copy_is_private(tmp_path: Path) -> None:
    """Other users can't read the copy, whatever the umask and the old rights; the group keeps its rights."""
    written(tmp_path, [(0, [1, 2])], None)
    path = tmp_path / "scores.csv"
    path.chmod(0o664)
    before = os.umask(0)
    try:
        CsvErasure(path, IDENTITY, LAYOUT).erase(Rows([1], []), [])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


@given(places=st.lists(st.sets(st.tuples(*[st.integers(0, 9)] * 3)), max_size=4))
def test_the_list_of_erased_records(places: list[set[tuple[int, int, int]]]) -> None:
    """The list keeps each place once, for its topic only."""
    with TemporaryDirectory() as name:
        path = Path(name) / "scores.csv"
        mine = ErasedPlaces(path, "c", "t")
        for some in places:
            mine.add([ErasedPlace(*one) for one in some])
            ErasedPlaces(path, "c", "other").add([ErasedPlace(1, 2, 3)])
        assert mine.read() == set().union(*places)
        if places:
            lines = mine.path.read_text().splitlines()
            assert len(lines) == len(set(lines)) == len(mine.read()) + 1


@pytest.mark.parametrize("content", ["no", "[1]\n", '["c", "t", 1, 2]\n', "\udc80"])
def test_an_invalid_list(tmp_path: Path, content: str) -> None:
    """The error names the invalid list and the remedy."""
    listed = ErasedPlaces(tmp_path / "scores.csv", "c", "t")
    listed.path.write_text(content, errors="surrogateescape")
    with pytest.raises(SinkUnavailableError, match="delete it"):
        listed.read()
