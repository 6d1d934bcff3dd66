"""Files that another user planted in our folders: never followed, never waited for, never read without a limit."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.test_artifact import refused, save

from fraudstream.errors import ModelUnfitError
from fraudstream.model import store
from fraudstream.model.manifest import read_manifest
from fraudstream.runtime.regular_files import create_regular, open_regular, read_regular, replace_regular

Put = Callable[[Path], None]
SECRET = b"another user's\n"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Provide a file that only we may write."""
    path = tmp_path / "victim"
    path.write_bytes(SECRET)
    path.chmod(0o600)
    return path


def _link_to(target: Path) -> Put:
    def put(path: Path) -> None:
        path.symlink_to(target)

    return put


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def _hole(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 << 30)


PLANTED: dict[str, Put] = {
    "a FIFO": os.mkfifo,
    "a folder": Path.mkdir,
    "an endless device": _link_to(Path("/dev/zero")),
    "a link to itself": _link_to_itself,
    "a link to nothing": _link_to(Path("missing")),
    "a sparse file": _hole,
}


@pytest.mark.parametrize("put", PLANTED.values(), ids=PLANTED)
@pytest.mark.parametrize("name", [store.MANIFEST_FILE, store.MODEL_FILE, store.CHALLENGER_FILE])
def test_something_else_in_place_of_a_models_file(tmp_path: Path, name: str, put: Put) -> None:
    """It is refused in one line; the listing of the kept versions leaves it out."""
    first, second = save(tmp_path), save(tmp_path, review=0.2)
    path = tmp_path / name
    path.unlink(missing_ok=True)
    put(path)
    if name == store.CHALLENGER_FILE:
        with pytest.raises(ModelUnfitError, match="can't be read"):
            store.load_challenger(tmp_path, store.NO_PINS)
    else:
        assert "can't be read" in refused(tmp_path)
    kept = tmp_path / store.VERSIONS / first.content_sha256 / store.MODEL_FILE
    kept.unlink()
    put(kept)
    assert store.kept(tmp_path) == [second]


def test_a_link_to_a_whole_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """A link in place of the folder is followed, since a user may keep models elsewhere."""
    models, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    save(elsewhere)
    models.symlink_to(elsewhere)
    store.load(models, store.NO_PINS)
    for name in (store.MANIFEST_FILE, store.MODEL_FILE):
        (elsewhere / name).rename(tmp_path / name)
        (elsewhere / name).symlink_to(tmp_path / name)
        assert "a symbolic link: put the file itself there, or link its folder" in refused(models)
        (tmp_path / name).replace(elsewhere / name)


def test_a_manifest_larger_than_any_is_not_read(tmp_path: Path) -> None:
    """A sparse file of a terabyte costs nothing."""
    save(tmp_path)
    with (tmp_path / store.MANIFEST_FILE).open("wb") as file:
        file.truncate(1 << 40)
    assert "1,099,511,627,776 bytes" in refused(tmp_path)


def test_a_switch_writes_through_no_link(tmp_path: Path, victim: Path) -> None:
    """Promotion, rollback and challenge replace the planted link; its target is unchanged."""
    models = tmp_path / "models"
    first, second = save(models), save(models, review=0.2)
    names = (store.MANIFEST_FILE, store.MODEL_FILE, store.CHALLENGER_FILE)
    for switch in (
        lambda: store.activate(models, first.content_sha256),
        lambda: save(models, review=0.3),
        lambda: store.challenge(models, second.content_sha256),
    ):
        for name in names:
            (models / name).unlink(missing_ok=True)
            (models / name).symlink_to(victim)
        switch()
        assert victim.read_bytes() == SECRET
        assert victim.stat().st_mode & 0o777 == 0o600
    assert read_manifest(models / store.CHALLENGER_FILE).version == second.version
    kept = models / store.VERSIONS / second.content_sha256 / store.MANIFEST_FILE
    kept.unlink()
    kept.symlink_to(victim)
    with pytest.raises(ModelUnfitError, match="can't be read"):
        store.activate(models, second.content_sha256)
    assert victim.read_bytes() == SECRET


def test_created_and_replaced_files_are_new(tmp_path: Path, victim: Path) -> None:
    """The file has the given mode whatever the umask, and no other file remains."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "file"
    path.symlink_to(victim)
    replace_regular(path, b"new", 0o640)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)
    path.unlink()
    path.symlink_to(victim)
    with create_regular(path) as file:
        file.write(b"newer")
    assert path.read_bytes() == b"newer"
    assert victim.read_bytes() == SECRET
    path.unlink()
    path.mkdir()
    for change in (lambda: replace_regular(path, b"", 0o640), lambda: create_regular(path)):
        with pytest.raises(OSError, match=r"directory|permitted"):
            change()
    assert list(folder.iterdir()) == [path]


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    """The limit is exact to the byte."""
    path = tmp_path / "file"
    path.write_bytes(bytes(1_000))
    assert len(read_regular(path, 1_000)) == 1_000
    with pytest.raises(OSError, match="it has 1,000 bytes, and at most 999 are read"):
        read_regular(path, 999)


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC])
def test_a_link_is_opened_for_nothing(tmp_path: Path, victim: Path, flags: int) -> None:
    """A link is opened neither to read nor to write, and its target is not created."""
    before = hashlib.sha256(victim.read_bytes())
    for target in (victim, tmp_path / "missing"):
        path = tmp_path / "link"
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        with pytest.raises(OSError, match="a symbolic link"):
            open_regular(path, flags)
    assert hashlib.sha256(victim.read_bytes()).digest() == before.digest()
    assert not (tmp_path / "missing").exists()
