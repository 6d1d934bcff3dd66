"""The storm's watchers detect what they are for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.chaos.report import Report
from tests.chaos.watch import Seen, Tailer, rotated_csv

from fraudstream.csv_file.journal import Journal, State
from fraudstream.csv_file.protocol import Identity

CONTENT = b"header\n1\n2\n"
STATE = State(identity=Identity(cluster="c", topic="t", group="g"), length=len(CONTENT))


def test_seen_twice() -> None:
    """The second sighting returns the time of the first."""
    seen = Seen(2)
    assert seen.note((1, 5), 100) is None
    assert seen.note((0, 5), 100) is None
    assert seen.note((1, 0), 101) is None
    assert seen.note((1, 5), 102) == 100
    assert seen.count == 3
    assert (1, 5) in seen
    assert (1, 4) not in seen
    assert (1, 6) not in seen
    assert seen.places() == [(0, 5), (1, 0), (1, 5)]


def _shrunk(path: Path, journal: Journal) -> None:
    path.write_bytes(CONTENT[:-2])
    journal.write(replace(STATE, sequence=2, length=len(CONTENT) - 2))


def _rotated_and_changed(path: Path, journal: Journal) -> None:
    path.rename(rotated_csv(path, 0)).write_bytes(CONTENT.replace(b"1", b"x"))
    path.write_bytes(CONTENT)
    journal.write(replace(STATE, sequence=2, generation=1))


HARMS: dict[str, Callable[[Path, Journal], object]] = {
    "a byte": lambda path, _: path.write_bytes(CONTENT.replace(b"1", b"x")),
    "the length": _shrunk,
    "the journal": lambda _, journal: journal.path.unlink(),
    "a rotated file": _rotated_and_changed,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Provide a CSV that is committed up to its end."""
    path = tmp_path / "scores.csv"
    path.write_bytes(CONTENT)
    Journal(tmp_path / ".scores.csv.journal").write(STATE)
    return path


@pytest.mark.parametrize("harm", HARMS)
def test_tailer_notices(path: Path, harm: str) -> None:
    """Any change to committed bytes is found."""
    report = Report()
    tailer = Tailer(path, report)
    tailer._look()
    HARMS[harm](path, Journal(path.with_name(".scores.csv.journal")))
    tailer._look()
    tailer._compare()
    assert report.findings


def test_tailer_lets_it_grow(path: Path) -> None:
    """A torn tail, an append or a rotation is not a finding."""
    report = Report()
    journal = Journal(path.with_name(".scores.csv.journal"))
    tailer = Tailer(path, report)
    tailer._look()
    path.write_bytes(CONTENT + b"3\n4")
    journal.write(replace(STATE, sequence=1, length=len(CONTENT) + 2))
    tailer._look()
    tailer._compare()
    path.rename(rotated_csv(path, 0))
    path.write_bytes(b"header\n")
    journal.write(replace(STATE, sequence=2, length=7, generation=1))
    tailer._look()
    tailer._compare()
    assert not report.findings
