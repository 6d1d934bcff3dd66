"""A rebuilt CSV, and the journal from which scorers continue."""

import errno
import os
import stat
from pathlib import Path

import pytest
from tests.contract.test_sinks import IDENTITY, batch, stored_in_csv
from tests.scores import LAYOUT
from tests.unit.test_csv_reading import rows

from cli.csv import refill as refilling
from cli.csv.refill import CsvExistsError, CsvRefill, Reached, known
from fraudstream.csv_file.journal import Journal, journal_of
from fraudstream.csv_file.lock import FileLock
from fraudstream.csv_file.protocol import Identity
from fraudstream.errors import JournalForeignError, SinkUnavailableError
from fraudstream.offsets import Decided
from scorer.csv_sink import CsvSink


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Provide a CSV with offsets 5…9 of partition 0, the last two of them never committed."""
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, LAYOUT)
    token = sink.acquire([0, 1])[0].token
    sink.append([batch(0, token, range(5, 8))])
    sink.append([batch(0, token, range(8, 10))])
    return path


def refill(path: Path, *, end: int = 8) -> list[Path]:
    """Rebuild the CSV from the committed records of partition 0."""
    writing = CsvRefill(path, IDENTITY, LAYOUT)
    with writing.locked() as state:
        writing.write([rows(0, range(5, end))])
        return writing.finish(state, {0: Reached(first=6, end=end)})


def test_scorers_continue_after_the_committed_offset(path: Path) -> None:
    """Uncommitted rows are stored again; a previous token is refused; the first offset is kept."""
    old = known(path, IDENTITY)
    assert old is not None
    path.unlink()
    assert refill(path) == []
    state = known(path, IDENTITY)
    assert state is not None
    assert (state.marks[0].first, state.marks[0].token) == (5, old.marks[0].token + 1)
    sink = CsvSink(path, IDENTITY, LAYOUT)
    assert sink.append([batch(0, old.marks[0].token, range(8, 9))]) == frozenset()
    holding = sink.acquire([0])[0]
    assert holding.decided == Decided(offset=7, base=7, fingerprint=None)
    sink.append([batch(0, holding.token, range(8, 12))])
    assert stored_in_csv(path) == {0: list(range(5, 12))}


def test_without_a_journal(path: Path) -> None:
    """Without a journal, the first offset is the first one found."""
    path.unlink()
    journal_of(path).path.unlink()
    refill(path)
    state = known(path, IDENTITY)
    assert state is not None
    assert (state.marks[0].first, state.marks[0].token) == (6, 1)


def test_nothing_decided(path: Path) -> None:
    """A partition that is committed at its beginning has no last offset."""
    refill(path, end=0)
    assert CsvSink(path, IDENTITY, LAYOUT).acquire([0])[0].decided is None


def test_a_rebuild_that_would_repeat_rows_is_refused(path: Path) -> None:
    """A live CSV with rows, or a damaged one, is refused; a header alone is accepted."""
    writing = CsvRefill(path, IDENTITY, LAYOUT)
    with writing.locked(), pytest.raises(CsvExistsError, match="--force"):
        writing.refuse_to_repeat()
    path.rename(path.with_name("scores.damaged-1.csv"))
    with writing.locked(), pytest.raises(CsvExistsError, match="damaged-1"):
        writing.refuse_to_repeat()
    (damaged,) = refill(path)
    assert damaged.name == "scores.replaced-1.csv"
    CsvSink(path.with_name("other.csv"), IDENTITY, LAYOUT).is_new()
    other = CsvRefill(path.with_name("other.csv"), IDENTITY, LAYOUT)
    with other.locked():
        other.refuse_to_repeat()


def test_files_are_moved_aside_under_free_names(path: Path) -> None:
    """Moving aside never overwrites another file."""
    assert [refill(path)[0].name, refill(path)[0].name] == ["scores.replaced-1.csv", "scores.replaced-2.csv"]


def test_rotated_files_are_numbered_on(path: Path) -> None:
    """The next rotation overwrites no file."""
    for number in (1, 2):
        path.with_name(f"scores.000{number}.csv").write_bytes(b"kept")
    refill(path)
    sink = CsvSink(path, IDENTITY, LAYOUT, rotate_bytes=1_000)
    for offset in range(8, 40):
        sink.append([batch(0, sink.acquire([0])[0].token, range(offset, offset + 1))])
    assert path.with_name("scores.0001.csv").read_bytes() == path.with_name("scores.0002.csv").read_bytes() == b"kept"
    assert path.with_name("scores.0003.csv").exists()


@pytest.mark.parametrize("step", ["before the journal", "behind the journal"])
def test_killed_in_the_middle(path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """File and journal, old or new, never disagree so that a record would be left out or stored twice."""
    if step == "before the journal":
        monkeypatch.setattr(Journal, "write", lambda *_: (_ for _ in ()).throw(OSError("killed")))
    else:
        monkeypatch.setattr(refilling, "move_aside", lambda *_: (_ for _ in ()).throw(OSError("killed")))
    with pytest.raises(SinkUnavailableError, match="killed"):
        refill(path)
    monkeypatch.undo()
    holding = CsvSink(path, IDENTITY, LAYOUT).acquire([0])[0]
    assert holding.decided is not None
    assert holding.decided.offset == (9 if step == "before the journal" else 7)
    assert sorted(file.name for file in path.parent.glob("*.rebuilt")) == []


def test_another_groups_csv(path: Path) -> None:
    """The CSV of another group is refused; the message names the setting."""
    other = CsvRefill(path, Identity(cluster="c", topic="t", group="other"), LAYOUT)
    with pytest.raises(JournalForeignError, match="CSV_PATH"), other.locked():
        pass


def test_a_scorer_that_holds_the_lock(path: Path) -> None:
    """A lock that a scorer holds is waited for, then reported."""
    writing = CsvRefill(path, IDENTITY, LAYOUT, patience_s=0.1)
    lock = FileLock(path.with_name(f".{path.name}.lock"), 1)
    with lock.held(), pytest.raises(SinkUnavailableError, match="lock"), writing.locked():
        pass


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_folder_that_can_not_be_synced(path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Where the mount can sync only files, the CSV is rebuilt all the same, and scorers continue after it."""
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    refill(path)
    assert stored_in_csv(path) == {0: list(range(5, 8))}
    sink = CsvSink(path, IDENTITY, LAYOUT)
    sink.append([batch(0, sink.acquire([0])[0].token, range(8, 12))])
    assert stored_in_csv(path) == {0: list(range(5, 12))}
