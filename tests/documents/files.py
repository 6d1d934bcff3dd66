"""Documents that Git tracks or would add."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def documents() -> dict[str, str]:
    """Return the text of each document by its path in the repository: the README first, as readers do."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    names = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    names.sort(key=lambda name: (name != "README.md", name))
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in names}
