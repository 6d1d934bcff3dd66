"""Files of the bind-mounted folders: other users can't read outputs/ and models/."""

import importlib.util
import os
import stat
from pathlib import Path

import pytest

PREPARE = Path(__file__).parents[2] / "services" / "volumes" / "prepare.py"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another group")
def test_files_of_earlier_releases_become_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Owner and group keep their rights; files that services only read stay readable for others."""
    spec = importlib.util.spec_from_file_location("prepare", PREPARE)
    assert spec is not None
    assert spec.loader is not None
    prepare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prepare)
    outputs, data = tmp_path / "outputs", tmp_path / "data"
    for folder in (outputs, data):
        folder.mkdir()
        (folder / "payments.csv").touch()
        (folder / "payments.csv").chmod(0o644)
    monkeypatch.setattr(prepare, "WRITTEN", (outputs,))
    monkeypatch.setattr(prepare, "READ", (data,))
    prepare.main()
    assert stat.S_IMODE((outputs / "payments.csv").stat().st_mode) == 0o660
    assert stat.S_IMODE((data / "payments.csv").stat().st_mode) == 0o644
    created = outputs / "later.csv"
    os.close(os.open(created, os.O_CREAT | os.O_WRONLY, 0o660))
    assert stat.S_IMODE(created.stat().st_mode) & stat.S_IRWXO == 0
