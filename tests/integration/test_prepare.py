"""The folders that Compose mounts, prepared by root while another user changes their content."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "services" / "volumes" / "prepare.py"
GROUP = 10001
OWNER = 12345
_RACE_S = 2.0
# swaps a file or folder with a link to the victim and back, as fast as possible
_RENAMER = """
import os, sys
place, victim, is_folder = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
def make(name):
    if is_folder:
        os.mkdir(name)
        open(os.path.join(name, "inside"), "w").close()
    else:
        open(name, "w").close()
real, link = place + ".real", place + ".link"
make(real)
os.symlink(victim, link)
print("ready", flush=True)
while True:
    for one in (real, link):
        os.rename(one, place)
        os.rename(place, one)
"""


@pytest.fixture(autouse=True)
def _as_root() -> None:
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("needs root, as the container of this script; in CI this is a failure")
        pytest.skip("needs root, as the container of this script")


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Provide the mounts, owned by a user who is not root, in a folder with other files."""
    for name in ("models", "outputs", "data"):
        (tmp_path / "mnt" / name).mkdir(parents=True)
        os.chown(tmp_path / "mnt" / name, OWNER, OWNER)
    return tmp_path / "mnt"


@pytest.fixture
def prepare(folders: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Provide the script, configured for these folders."""
    spec = importlib.util.spec_from_file_location("prepare", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "WRITTEN", (folders / "models", folders / "outputs"))
    monkeypatch.setattr(module, "READ", (folders / "data",))
    return module


def _made(path: Path, *, is_folder: bool = False) -> Path:
    if is_folder:
        path.mkdir(mode=0o700)
        _made(path / "inside")
    else:
        path.touch(mode=0o600)
    os.chown(path, OWNER, OWNER)
    return path


def _rights(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, found.st_mode & 0o7777


def test_files_and_folders_get_the_group(folders: Path, prepare: ModuleType) -> None:
    """The group may write written files and read the others; owners are unchanged, also in a second run."""
    written = _made(folders / "outputs" / "deep", is_folder=True)
    read = _made(folders / "data" / "history.csv")
    for _ in range(2):
        prepare.main()
        assert _rights(folders / "outputs") == (OWNER, GROUP, 0o2775)
        assert _rights(written) == (OWNER, GROUP, 0o2770)
        assert _rights(written / "inside") == (OWNER, GROUP, 0o660)
        assert _rights(read) == (OWNER, GROUP, 0o640)
    assert os.getxattr(written, "system.posix_acl_default") == prepare._acl(OWNER)


def test_without_acls_files_become_the_owners(
    folders: Path, prepare: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user can then delete files that services wrote."""
    monkeypatch.setattr(prepare, "_grant_by_acl", lambda *_: False)
    path = _made(folders / "models" / "versions", is_folder=True)
    os.chown(path / "inside", 0, 0)
    prepare.main()
    assert _rights(path / "inside") == (OWNER, GROUP, 0o660)


def test_links_and_fifos_are_unchanged(folders: Path, prepare: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Links, hard links and FIFOs are unchanged; a hard link is printed, in one printable line."""
    victims = [_made(folders.parent / "file"), _made(folders.parent / "other")]
    victims.append(_made(folders.parent / "folder", is_folder=True))
    before = [_rights(path) for path in (*victims, victims[2] / "inside")]
    for mount in ("models", "outputs", "data"):
        (folders / mount / "link").symlink_to(victims[0])
        (folders / mount / "hard\x1b[2J").hardlink_to(victims[1])
        (folders / mount / "linked folder").symlink_to(victims[2])
        os.mkfifo(folders / mount / "fifo", 0o600)
    prepare.main()
    assert [_rights(path) for path in (*victims, victims[2] / "inside")] == before
    assert _rights(folders / "models" / "fifo")[2] == 0o600
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all("has other hard links: not changed" in line and line.isprintable() for line in lines)


def test_very_deep_folders(folders: Path, prepare: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the script nor the preparation of later folders ends early."""
    path = folders / "models"
    for _ in range(300):
        path /= "d"
        path.mkdir()
    last = _made(folders / "models" / "z")
    prepare.main()
    assert _rights(last)[1] == GROUP
    assert "folders deep" in capsys.readouterr().out


@contextmanager
def _renaming(place: Path, victim: Path, *, is_folder: bool) -> Iterator[None]:
    command = [sys.executable, "-S", "-c", _RENAMER, str(place), str(victim), str(is_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as renamer:
        assert renamer.stdout is not None
        assert renamer.stdout.readline() == "ready\n"
        try:
            yield
            assert renamer.poll() is None, "it must have renamed to the end"
        finally:
            renamer.kill()


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("mount", ["models", "data"])
def test_a_file_that_becomes_a_link(folders: Path, prepare: ModuleType, mount: str, is_folder: bool) -> None:
    """The target of the link is never changed, however often file and link are swapped."""
    victim = _made(folders.parent / "victim", is_folder=is_folder)
    inside = victim / "inside" if is_folder else victim
    before = _rights(victim), _rights(inside)
    with _renaming(folders / mount / "swapped", victim, is_folder=is_folder):
        deadline = time.monotonic() + _RACE_S
        while time.monotonic() < deadline:
            prepare.main()
            assert (_rights(victim), _rights(inside)) == before
