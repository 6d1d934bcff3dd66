"""Links and FIFOs that another user planted in the output folder in place of files of a service or command."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from tests.contract.test_sinks import IDENTITY, batch, stored_in_csv
from tests.integration.scorer import payment
from tests.integration.trained import save_model
from tests.scores import LAYOUT

from archiver.database import Database, address
from cli import __main__ as cli
from cli.csv import reading
from cli.csv.erased import ErasedPlace, ErasedPlaces
from cli.csv.erasure import CsvErasure
from cli.csv.reading import CsvSnapshot
from cli.csv.refill import CsvRefill
from cli.erase.wanted import Rows
from cli.output_file import UnwritableFileError, written
from fraudstream.errors import SinkUnavailableError
from scorer.csv_sink import CsvSink
from trainer.report import files, page

SECRET = b"another user's\n"
STRANGER = 12345
NAME = "scores.csv"
BESIDE = [f".{NAME}.lock", f".{NAME}.claim", f".{NAME}.journal"]


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Provide a file that only we may write."""
    path = tmp_path / "victim"
    path.write_bytes(SECRET)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Provide the output folder."""
    path = tmp_path / "outputs"
    path.mkdir()
    return path


def _plant(path: Path, victim: Path) -> None:
    """Create a link that belongs to another user."""
    path.unlink(missing_ok=True)
    path.symlink_to(victim)
    if os.geteuid() == 0:
        os.lchown(path, STRANGER, STRANGER)
    elif os.environ.get("CI"):
        pytest.fail("needs root, to be two users; in CI this is a failure")
    else:
        pytest.skip("needs root, to be two users")


def _use(path: Path) -> None:
    sink = CsvSink(path, IDENTITY, LAYOUT, patience_s=0.2)
    sink.claim()
    try:
        sink.append([batch(0, sink.acquire([0])[0].token, range(5))])
    finally:
        sink.close()


@pytest.mark.parametrize("name", [*BESIDE, NAME])
def test_a_link_in_place_of_the_csv_or_what_is_beside_it(folder: Path, victim: Path, name: str) -> None:
    """The sink is unavailable, the message has the remedy, and the target of the link is unchanged."""
    _plant(folder / name, victim)
    with pytest.raises(SinkUnavailableError, match=r"a symbolic link: put the file itself there, or link its folder"):
        _use(folder / NAME)
    assert victim.read_bytes() == SECRET
    missing = victim.with_name("missing")
    _plant(folder / name, missing)
    with pytest.raises(SinkUnavailableError):
        _use(folder / NAME)
    assert not missing.exists()


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir])
@pytest.mark.parametrize("name", [*BESIDE, NAME])
def test_no_file_in_place_of_the_csv_or_what_is_beside_it(folder: Path, name: str, put: Callable[[Path], None]) -> None:
    """A FIFO is not waited for."""
    put(folder / name)
    with pytest.raises(SinkUnavailableError):
        _use(folder / NAME)


def test_our_own_link_of_the_csv_is_followed(folder: Path, tmp_path: Path) -> None:
    """A user may keep the file, or the whole folder, on another disk."""
    elsewhere = tmp_path / "elsewhere.csv"
    (folder / NAME).symlink_to(elsewhere)
    _use(folder / NAME)
    _use(folder / NAME)
    assert stored_in_csv(elsewhere) == {0: list(range(5))}
    linked = tmp_path / "linked"
    linked.symlink_to(folder)
    (linked / NAME).unlink()
    _use(linked / "other.csv")
    assert stored_in_csv(folder / "other.csv") == {0: list(range(5))}


def test_a_rotated_file_that_is_a_link_is_not_read(folder: Path, victim: Path) -> None:
    """The verification refuses it."""
    _use(folder / NAME)
    _plant(folder / "scores.0001.csv", victim)
    with pytest.raises(SinkUnavailableError, match="a symbolic link"):
        CsvSnapshot(reading.files(folder / NAME), LAYOUT)


def test_a_rebuild_writes_through_no_link(folder: Path, victim: Path) -> None:
    """The new file replaces the link that was planted under its temporary name."""
    _use(folder / NAME)
    _plant(folder / f".{NAME}.rebuilt", victim)
    writing = CsvRefill(folder / NAME, IDENTITY, LAYOUT)
    with writing.locked() as state:
        (folder / NAME).unlink()
        writing.finish(state, {})
    assert victim.read_bytes() == SECRET
    assert (folder / NAME).read_bytes() != SECRET


ERASED = Rows([1], [])
BESIDE_ERASURE = [f".{NAME}.lock", f".{NAME}.claim", f".{NAME}.journal", f".{NAME}.erased"]


@pytest.mark.parametrize("name", [*BESIDE_ERASURE, NAME, "scores.0001.csv", "scores.damaged-1.csv"])
def test_an_erasure_reads_and_writes_through_no_link(folder: Path, victim: Path, name: str) -> None:
    """Neither the target of the link nor a file in its place is rewritten."""
    _use(folder / NAME)
    stolen = (folder / NAME).read_bytes() + b"1\n"  # a damaged line with the id
    victim.write_bytes(stolen)
    _plant(folder / name, victim)
    with pytest.raises(SinkUnavailableError, match="a symbolic link"):
        CsvErasure(folder / NAME, IDENTITY, LAYOUT, patience_s=0.2).erase(ERASED, [ErasedPlace(0, 0, 0)])
    assert victim.read_bytes() == stolen
    assert (folder / name).is_symlink()


@pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir])
@pytest.mark.parametrize("name", [*BESIDE_ERASURE, NAME, "scores.0001.csv"])
def test_an_erasure_waits_for_no_fifo(folder: Path, name: str, put: Callable[[Path], None]) -> None:
    """The error names the FIFO."""
    _use(folder / NAME)
    (folder / name).unlink(missing_ok=True)
    put(folder / name)
    with pytest.raises(SinkUnavailableError, match=name):
        CsvErasure(folder / NAME, IDENTITY, LAYOUT, patience_s=0.2).erase(ERASED, [ErasedPlace(0, 0, 0)])


def test_counting_reads_no_links(folder: Path, victim: Path) -> None:
    """`erase --dry-run` counts."""
    _plant(folder / "scores.0001.csv", victim)
    with pytest.raises(SinkUnavailableError, match="a symbolic link"):
        CsvErasure(folder / NAME, IDENTITY, LAYOUT).count(ERASED)


def test_the_copies_of_an_erasure_replace_links(folder: Path, victim: Path) -> None:
    """Links planted under the temporary names are replaced."""
    _use(folder / NAME)
    (folder / "scores.0001.csv").write_bytes(b"1\n2\n")
    for name in (f".{NAME}.erasing", ".scores.0001.csv.erasing", f".{NAME}.erased.part", f".{NAME}.rebuilt"):
        _plant(folder / name, victim)
    assert CsvErasure(folder / NAME, IDENTITY, LAYOUT).erase(ERASED, [ErasedPlace(0, 0, 0)])
    assert (folder / "scores.0001.csv").read_bytes() == b"2\n"
    assert victim.read_bytes() == SECRET


@pytest.mark.parametrize("content", [b"[" * 10_000, b"\0" * (1 << 20)])
def test_a_forged_list_of_erased_records(folder: Path, content: bytes) -> None:
    """An endless line is not read whole, and the reader raises an error with a message."""
    listed = ErasedPlaces(folder / NAME, "c", "t")
    listed.path.write_bytes(content)
    with pytest.raises(SinkUnavailableError, match="not a list of erased records"):
        listed.read()


def test_the_list_and_the_copy_belong_to_owner_and_group(folder: Path) -> None:
    """The mode does not depend on the umask; a file that root rewrites keeps its owner."""
    _use(folder / NAME)
    kept = folder / "scores.0001.csv"
    kept.write_bytes(b"1\n2\n")
    kept.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(kept, STRANGER, STRANGER)
    owner = kept.stat().st_uid
    before = os.umask(0)
    try:
        CsvErasure(folder / NAME, IDENTITY, LAYOUT).erase(ERASED, [ErasedPlace(0, 0, 0)])
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / f".{NAME}.erased").stat().st_mode) == 0o660
    assert (stat.S_IMODE(kept.stat().st_mode), kept.stat().st_uid) == (0o640, owner)


def test_score_and_export_write_through_no_link(folder: Path, victim: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links are followed neither for the result, nor for rejected rows, nor for their temporary files."""
    save_model(folder.parent / "models")
    monkeypatch.setenv("MODELS_DIR", str(folder.parent / "models"))
    file = folder.parent / "in.jsonl"
    file.write_bytes(payment(1) + b"\nno\n")
    out = folder / "out.csv"
    for name in ("out.csv", ".out.csv.part", "out.rejected.csv", ".out.rejected.csv.part"):
        _plant(folder / name, victim)
    assert cli.main(["score", str(file), "--out", str(out), "--force"]) == 0
    assert len(out.read_text().splitlines()) == 2
    _plant(folder / ".export.jsonl.part", victim)
    with written(folder / "export.jsonl") as write:
        write(json.dumps("letter"))
    assert (folder / "export.jsonl").read_text() == '"letter"'
    assert victim.read_bytes() == SECRET
    (folder / ".export.jsonl.part").mkdir()
    with pytest.raises(UnwritableFileError, match="can't be written"), written(folder / "export.jsonl"):
        pass


def test_the_report_is_written_through_no_link(folder: Path, victim: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links at its place and at that of its temporary file are replaced."""
    monkeypatch.setattr(page, "html_page", lambda *_: "html")
    for name in (files.PAGE, ".report.html.tmp"):
        _plant(folder / name, victim)
    files.write(folder, MagicMock())
    assert victim.read_bytes() == SECRET
    assert (folder / files.PAGE).read_text() == "html"


def test_a_database_file_that_is_another_users_link(folder: Path, victim: Path, tmp_path: Path) -> None:
    """Our own link is followed, and a FIFO is not waited for."""
    path = folder / "payments.db"
    database = Database(address(f"sqlite:///{path}"))
    _plant(path, victim)
    with pytest.raises(SinkUnavailableError, match="a symbolic link"), database.transaction():
        pass
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SinkUnavailableError, match="not a regular file"), database.transaction():
        pass
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.db")
    with database.transaction():
        pass
    database.close()
    assert (tmp_path / "elsewhere.db").stat().st_size
    assert victim.read_bytes() == SECRET
