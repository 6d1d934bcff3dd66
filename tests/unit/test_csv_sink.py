"""The CSV and its journal after each kind of damage (docs/operations.md, "The CSV on disk")."""

import errno
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.contract.test_sinks import IDENTITY, batch, stored_in_csv
from tests.scores import HEADER, LAYOUT

from fraudstream.csv_file.journal import journal_of
from fraudstream.csv_file.lock import FileLock
from fraudstream.csv_file.protocol import Identity
from fraudstream.errors import JournalForeignError, SinkUnavailableError
from scorer.csv_sink import CsvSink


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Provide a CSV with offsets 0…4 of partition 0."""
    path = tmp_path / "scores.csv"
    write(path, range(5))
    return path


def write(path: Path, offsets: range) -> None:
    """Append as the partition's next owner."""
    sink = CsvSink(path, IDENTITY, LAYOUT)
    assert sink.append([batch(0, sink.acquire([0])[0].token, offsets)]) == {0}


def moved_aside(path: Path, why: str) -> Path:
    """Return the path of the file that was moved aside."""
    return path.with_name(f"{path.stem}.{why}-1.csv")


def test_the_header_is_written_once(path: Path) -> None:
    """The header is written once, however often the file is opened."""
    write(path, range(5, 6))
    lines = path.read_text().splitlines()
    assert lines[0] == HEADER
    assert HEADER not in lines[1:]
    assert stored_in_csv(path) == {0: list(range(6))}


@pytest.mark.parametrize("torn", [b"2026-", b"a,b\n", b"x" * 10_000])
def test_a_torn_tail_is_cut(path: Path, torn: bytes) -> None:
    """Bytes after the committed length, left by a killed writer, are cut."""
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    write(path, range(5, 7))
    assert path.read_bytes().startswith(whole)
    assert stored_in_csv(path) == {0: list(range(7))}


def test_a_deleted_csv_is_recreated_and_nothing_is_scored_twice(path: Path) -> None:
    """Old offsets remain decided; the new file continues with the following ones."""
    path.unlink()
    with capture_logs() as logs:
        write(path, range(5, 7))
    assert stored_in_csv(path) == {0: [5, 6]}
    assert [entry["event"] for entry in logs] == ["CSV missing"]
    assert "./fraudstream rebuild --force" in logs[0]["restore_rows"]


@pytest.mark.parametrize("change", ["shorter", "edited"])
def test_a_changed_csv_is_moved_aside(path: Path, change: str) -> None:
    """A file that another program changed is neither appended to nor lost."""
    whole = path.read_bytes()
    changed = whole[:-3] if change == "shorter" else whole.replace(b"review", b"REVIEW")
    path.write_bytes(changed)
    with capture_logs() as logs:
        write(path, range(5, 7))
    assert moved_aside(path, "damaged").read_bytes() == changed
    assert stored_in_csv(path) == {0: [5, 6]}
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("CSV damaged", "error")]
    assert "./fraudstream rebuild --force" in logs[0]["restore_rows"]


def test_an_editor_that_saves_by_renaming_does_not_harm(path: Path) -> None:
    """Another inode with the same content is the same file."""
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)
    write(path, range(5, 6))
    assert stored_in_csv(path) == {0: list(range(6))}


def test_a_lost_journal_is_rebuilt_from_the_csv(path: Path) -> None:
    """One scan finds the last offset of each partition; a torn line is cut."""
    journal(path).unlink()
    path.write_bytes(path.read_bytes() + b"torn")
    with capture_logs() as logs:
        write(path, range(5, 7))
    assert stored_in_csv(path) == {0: list(range(7))}
    assert [entry["event"] for entry in logs] == ["journal lost"]


def test_one_torn_journal_slot_leaves_the_other(path: Path) -> None:
    """The previous slot is whole: the append that it doesn't include is cut and repeated."""
    for number in (0, 1):
        with journal(path).open("r+b") as file:
            file.seek(number * (1 << 20) + 20)
            original = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([original[0] ^ 1]))
        token = CsvSink(path, IDENTITY, LAYOUT).acquire([0])
        assert token[0].decided is None or token[0].decided.offset == 4
        write(path, range(5))
        assert stored_in_csv(path) == {0: list(range(5))}


def test_a_csv_with_another_header_is_moved_aside(tmp_path: Path) -> None:
    """A file with another header is moved aside, not appended to."""
    path = tmp_path / "scores.csv"
    path.write_text("a,b\n1,2\n")
    write(path, range(2))
    assert moved_aside(path, "damaged").read_text() == "a,b\n1,2\n"
    assert stored_in_csv(path) == {0: [0, 1]}


def test_an_empty_csv_gets_its_header(tmp_path: Path) -> None:
    """An empty file, as `touch` leaves it, gets the header."""
    path = tmp_path / "scores.csv"
    path.touch()
    write(path, range(2))
    assert path.read_text().startswith(HEADER)


def test_another_cluster_moves_the_csv_aside(path: Path) -> None:
    """Offsets of another cluster mean nothing in this one."""
    sink = CsvSink(path, Identity(cluster="other", topic="t", group="g"), LAYOUT)
    assert sink.is_new()
    assert sink.append([batch(0, sink.acquire([0])[0].token, range(2))]) == {0}
    assert stored_in_csv(moved_aside(path, "former")) == {0: list(range(5))}
    assert stored_in_csv(path) == {0: [0, 1]}


def test_another_group_is_refused_by_name(path: Path) -> None:
    """Two groups would each write every payment."""
    with pytest.raises(JournalForeignError, match=r"CSV_PATH.*'g'.*'other'"):
        CsvSink(path, Identity(cluster="c", topic="t", group="other"), LAYOUT).acquire([0])


def test_a_folder_in_place_of_the_csv_is_reported(tmp_path: Path) -> None:
    """Nothing is changed, and the message names the path."""
    path = tmp_path / "scores.csv"
    path.mkdir()
    with pytest.raises(SinkUnavailableError, match=r"scores\.csv"):
        CsvSink(path, IDENTITY, LAYOUT).acquire([0])


def test_a_missing_folder_is_waited_for(tmp_path: Path) -> None:
    """The sink works as soon as the folder exists."""
    path = tmp_path / "outputs" / "scores.csv"
    sink = CsvSink(path, IDENTITY, LAYOUT)
    with pytest.raises(SinkUnavailableError, match="outputs"):
        sink.acquire([0])
    path.parent.mkdir()
    assert sink.acquire([0])[0].token == 1


def test_a_lock_held_by_another_process_is_reported(path: Path) -> None:
    """After its timeout, the sink reports which process holds the lock instead of waiting forever."""
    with FileLock(path.with_name(f".{path.name}.lock"), 0.1).held(), pytest.raises(SinkUnavailableError, match="lock"):
        CsvSink(path, IDENTITY, LAYOUT, patience_s=0.05).acquire([0])


def test_a_deleted_lock_file_is_recreated(path: Path) -> None:
    """A lock on a deleted file excludes no other process, so the path is checked again."""
    lock = path.with_name(f".{path.name}.lock")
    with FileLock(lock, 0.1).held():
        lock.unlink()
        with FileLock(lock, 0.1).held():
            assert lock.exists()


def journal(path: Path) -> Path:
    """Return the path of the journal beside the CSV."""
    return path.with_name(f".{path.name}.journal")


def test_rotation_keeps_every_row_once(tmp_path: Path) -> None:
    """At the limit a new file begins; the old ones keep their numbers and rows."""
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, LAYOUT, rotate_bytes=1_000)
    token = sink.acquire([0])[0].token
    for start in range(0, 60, 6):
        sink.append([batch(0, token, range(start, start + 6))])
    kept = sorted(path.parent.glob("scores.0*.csv"))
    assert [file.name for file in kept[:2]] == ["scores.0001.csv", "scores.0002.csv"]
    offsets = [offset for file in [*kept, path] for offset in stored_in_csv(file).get(0, [])]
    assert offsets == list(range(60))
    assert all(file.read_text().startswith(HEADER) for file in [*kept, path])


def test_numbers_of_rotated_files_above_9999(path: Path) -> None:
    """After the loss of the journal, rotations continue from the highest number, also one of five digits."""
    for number in (9_999, 10_000):
        path.with_name(f"scores.{number}.csv").write_bytes(b"kept")
    journal_of(path).path.unlink()
    sink = CsvSink(path, IDENTITY, LAYOUT, rotate_bytes=1_000)
    for offset in range(5, 40):
        sink.append([batch(0, sink.acquire([0])[0].token, range(offset, offset + 1))])
    assert path.with_name("scores.10000.csv").read_bytes() == b"kept"
    assert path.with_name("scores.10001.csv").exists()


def test_a_replay_finds_its_rows_in_a_rotated_file(tmp_path: Path) -> None:
    """Another partition's append may rotate the file before this one's transaction is committed."""
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, LAYOUT, rotate_bytes=1_000)
    tokens = {partition: holding.token for partition, holding in sink.acquire([0, 1]).items()}
    sink.append([batch(0, tokens[0], range(20), version="old")])
    sink.append([batch(1, tokens[1], range(2))])
    assert path.with_name("scores.0001.csv").exists()
    assert {row.model_version for row in sink.acquire([0])[0].rows.values()} == {"old"}


@pytest.mark.parametrize("next_file", [None, "", HEADER[:10], f"{HEADER}\n"])
def test_killed_in_the_middle_of_a_rotation(tmp_path: Path, next_file: str | None) -> None:
    """The file is renamed, maybe the next one created, the journal not updated: the next opener finishes."""
    path = tmp_path / "scores.csv"
    write(path, range(20))
    path.rename(path.with_name("scores.0001.csv"))
    if next_file is not None:
        path.write_text(next_file)
    with capture_logs() as logs:
        write(path, range(20, 22))
    assert logs == []
    assert stored_in_csv(path) == {0: [20, 21]}
    sink = CsvSink(path, IDENTITY, LAYOUT, rotate_bytes=1_000)
    token = sink.acquire([0])[0].token
    for start in range(22, 50, 4):
        sink.append([batch(0, token, range(start, start + 4))])
    assert path.with_name("scores.0002.csv").exists()
    assert stored_in_csv(path.with_name("scores.0001.csv")) == {0: list(range(20))}


def test_a_lost_journal_never_costs_a_kept_file(tmp_path: Path) -> None:
    """Rotation continues after the highest existing number, and the first offset is recovered."""
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, LAYOUT, rotate_bytes=1_000)
    token = sink.acquire([0])[0].token
    for start in range(0, 40, 8):
        sink.append([batch(0, token, range(start, start + 8))])
    before = {file.name: file.read_bytes() for file in tmp_path.glob("scores.0*.csv")}
    journal(path).unlink()
    token = sink.acquire([0])[0].token
    for start in range(40, 80, 8):
        sink.append([batch(0, token, range(start, start + 8))])
    kept = sorted(tmp_path.glob("scores.0*.csv"))
    assert len(kept) > len(before) >= 2
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert [offset for file in [*kept, path] for offset in stored_in_csv(file).get(0, [])] == list(range(80))


def test_a_recreated_topic_moves_kept_files_aside_too(tmp_path: Path) -> None:
    """Numbers start again, and old rows are not mixed with new ones."""
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, LAYOUT, rotate_bytes=1_000)
    sink.append([batch(0, sink.acquire([0])[0].token, range(20))])
    token = sink.acquire([0])[0].token
    sink.append([batch(0, token, range(20, 22))])
    sink.forget({0: token})
    assert not list(tmp_path.glob("scores.0*.csv"))
    moved = sorted(tmp_path.glob("scores.former-*.csv"))
    assert [offset for file in moved for offset in stored_in_csv(file)[0]] == list(range(22))


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO])
def test_a_folder_that_can_not_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Mounts that can't sync folders are used all the same; a failing disk is reported."""

    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    sink = CsvSink(tmp_path / "scores.csv", IDENTITY, LAYOUT)
    if number == errno.EIO:
        with pytest.raises(SinkUnavailableError):
            sink.acquire([0])
    else:
        sink.append([batch(0, sink.acquire([0])[0].token, range(20))])
        assert stored_in_csv(tmp_path / "scores.csv") == {0: list(range(20))}
