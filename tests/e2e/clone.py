"""Copies of this repository, as a fresh `git clone` makes them."""

import os
import shutil
import subprocess
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def clone(target: Path, owner: int | None = None, umask: int = 0o022) -> Path:
    """Copy all files that git tracks or would add, owned by `owner` and created with that umask; return `target`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=_ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        source, copy = _ROOT / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
            copy.chmod((0o777 if os.access(source, os.X_OK) else 0o666) & ~umask)
    for path in (target, *target.rglob("*")):
        if path.is_dir():
            path.chmod(0o777 & ~umask)
        if owner is not None:
            os.chown(path, owner, owner)
    return target
