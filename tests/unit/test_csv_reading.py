"""All files of a CSV read as one, by partition."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz import examples
from tests.scores import LAYOUT, PAYMENT, One, csv_chunk

from cli.audit.entries import row_entries
from cli.csv import reading
from cli.csv.reading import CsvSnapshot, files


def rows(partition: int, offsets: range) -> bytes:
    """Return rows with these offsets."""
    return csv_chunk([One(PAYMENT, 0.5, "review", "v1", 0, partition, offset) for offset in offsets])


def offsets(snapshot: CsvSnapshot, partition: int) -> list[int]:
    """Return the offsets of one partition, in order."""
    problems: list[str] = []
    found = [
        one
        for layout, lines in snapshot.lines(partition)
        for one, _ in row_entries(lines, layout, partition, problems.append)
    ]
    assert not problems
    return found


@given(
    parts=st.lists(st.tuples(st.integers(0, 12), st.integers(1, 40)), max_size=12),
    cuts=st.sets(st.integers(0, 12), max_size=2),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(40))
def test_each_partition_whole_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: list[tuple[int, int]], cuts: set[int]
) -> None:
    """Rows are complete and in order, however they are spread over blocks and files."""
    monkeypatch.setattr(reading, "_BLOCK_BYTES", 300)
    monkeypatch.setattr(reading, "_READ_BYTES", 500)
    path = tmp_path / "scores.csv"
    for old in tmp_path.iterdir():
        old.unlink()
    written: dict[int, int] = {}
    texts = [LAYOUT.header_line]
    for number, (partition, count) in enumerate(parts):
        if number in cuts:
            texts.append(LAYOUT.header_line)
        start = written.get(partition, 0)
        texts[-1] += rows(partition, range(start, start + count))
        written[partition] = start + count
    names = ["scores.csv", "scores.damaged-1.csv", "scores.0001.csv"][: len(texts)]
    for name, text in zip(reversed(names), texts, strict=True):
        path.with_name(name).write_bytes(text)
    with CsvSnapshot(files(path), LAYOUT) as snapshot:
        assert snapshot.unreadable == 0
        assert snapshot.partitions == set(written)
        for partition, count in written.items():
            assert offsets(snapshot, partition) == list(range(count))
            assert snapshot.first(partition) == 0
            assert snapshot.last(partition) == count - 1
        assert snapshot.first(99) is None
        assert snapshot.last(99) == -1


def test_files_that_count(tmp_path: Path) -> None:
    """Files with our names count, the live one first; previous and replaced ones don't."""
    for name in ("a.csv", "a.0002.csv", "a.0010.csv", "a.damaged-2.csv", "a.former-1.csv", "a.replaced-1.csv", "b.csv"):
        (tmp_path / name).write_bytes(b"")
    found = [path.name for path in files(tmp_path / "a.csv")]
    assert found == ["a.csv", "a.0002.csv", "a.0010.csv", "a.damaged-2.csv"]
    assert files(tmp_path / "none" / "a.csv") == [tmp_path / "none" / "a.csv"]


def test_a_rotation_between_two_looks(tmp_path: Path) -> None:
    """A file that a rotation renames is read once, and reading continues under either name."""
    path = tmp_path / "a.csv"
    path.write_bytes(LAYOUT.header_line + rows(0, range(5)))
    path.with_name("a.0001.csv").hardlink_to(path)
    with CsvSnapshot(files(path), LAYOUT) as snapshot:
        path.unlink()
        assert offsets(snapshot, 0) == list(range(5))


def test_invalid_lines(tmp_path: Path) -> None:
    """Invalid lines are counted and the first ones kept; an incomplete last line is left alone."""
    path = tmp_path / "a.csv"
    path.write_bytes(LAYOUT.header_line + rows(0, range(2)) + b"\nwhat,ever\n" * 30 + rows(0, range(2, 4)) + b"2026-")
    with CsvSnapshot([path], LAYOUT) as snapshot:
        assert offsets(snapshot, 0) == list(range(4))
        assert snapshot.unreadable == 60
        assert len(snapshot.unreadable_lines) == 20
        assert snapshot.unreadable_lines[1] == "a.csv: 'what,ever'"
