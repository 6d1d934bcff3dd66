"""Names of a CSV's files: the rotated ones, those moved aside, and the hidden ones beside it."""

import re
from pathlib import Path

_ROTATED = r"\.(\d{4,})"


def beside(csv: Path, name: str) -> Path:
    """Return the path of a hidden file beside the CSV, such as its journal."""
    return csv.with_name(f".{csv.name}.{name}")


def rotated(csv: Path, generation: int) -> Path:
    """Return the path of the file of that generation after its rotation."""
    return csv.with_name(f"{csv.stem}.{generation + 1:04d}{csv.suffix}")


def rotated_files(csv: Path) -> list[Path]:
    """Return the rotated files, in order."""
    return [file for _, file in _numbered(csv, _ROTATED)]


def highest_rotated(csv: Path) -> int:
    """Return the highest number of a rotated file, 0 without any; generations start from it."""
    return max((number for number, _ in _numbered(csv, _ROTATED)), default=0)


def damaged_files(csv: Path) -> list[Path]:
    """Return the files that another program changed, and that were renamed, in order."""
    return [file for _, file in _numbered(csv, r"\.damaged-(\d+)")]


def all_files(csv: Path) -> list[Path]:
    """Return the CSV, and each file renamed from it: full, damaged, replaced, or of a previous topic."""
    kept = r"(?:\.(?:\d{4,}|(?:damaged|former|replaced)-\d+))?"
    return sorted(file for _, file in _matching(csv, kept))


def move_aside(csv: Path, label: str, file: Path | None = None) -> Path:
    """Rename the CSV, or a `file` of it, to the first unused name with the label; return that name."""
    number = 1
    while (aside := csv.with_name(f"{csv.stem}.{label}-{number}{csv.suffix}")).exists():
        number += 1
    (file or csv).rename(aside)
    return aside


def _numbered(csv: Path, pattern: str) -> list[tuple[int, Path]]:
    return sorted((int(match[1]), file) for match, file in _matching(csv, pattern))


def _matching(csv: Path, pattern: str) -> list[tuple[re.Match[str], Path]]:
    """Return the files whose name has `pattern` between the stem and the suffix of the CSV's."""
    name = re.compile(re.escape(csv.stem) + pattern + re.escape(csv.suffix))
    try:
        return [(match, file) for file in csv.parent.iterdir() if (match := name.fullmatch(file.name))]
    except FileNotFoundError:
        return []
