"""Markers compared with their letters, as verify does."""

import pytest
from tests.scores import FORMAT, Record

from archiver.rows import replay_row
from cli.audit.merge import Kind
from cli.audit.replays import Replays
from cli.dlq.index import Index
from cli.dlq.places import LetterPlace
from dashboard.board import Board
from dashboard.replicas import Replicas
from fraudstream.dead_letter import Place, dead_letter, dead_letter_headers, marker_headers
from fraudstream.payment import InvalidPayment


def letter(offset: int) -> Record:
    """Return the letter at that offset of the dead-letter topic."""
    why = dead_letter_headers(Place("in", 0, offset, 0), InvalidPayment(reason="empty", detail=""))
    return Record(b"", offset, headers=why)


def marker(offset: int, of: int, *, again: bool = False) -> Record:
    """Return a marker of the replay of the letter at `of`."""
    named = dead_letter(0, letter(of))
    assert named is not None
    return Record(None, offset, headers=marker_headers(named, edited=False, again=again))


def test_replays_once_and_again() -> None:
    """Each letter counts once; an intended second replay is not a finding."""
    replays = Replays(0, 0)
    replays.add([letter(0), letter(1), letter(2), marker(3, 0), marker(4, 1), marker(5, 1, again=True)])
    assert (replays.count, replays.findings) == (2, [])


def test_an_accidental_replay_and_one_without_a_letter() -> None:
    """Both are findings; a letter that retention has deleted is not."""
    replays = Replays(0, 5)
    replays.add([letter(5), marker(6, 5), marker(7, 2), Record(b"x", 8)])
    replays.add([marker(9, 5), marker(10, 8)])
    assert replays.count == 2
    assert [kind for kind, _ in replays.findings] == [Kind.REPLAYED_TWICE, Kind.NO_LETTER]
    assert "offset 5" in replays.findings[0][1]
    assert "offset 8" in replays.findings[1][1]


@pytest.mark.parametrize("ahead", [0, 1, 10**17])
def test_a_marker_that_comes_before_its_letter_is_ignored_by_every_reader(ahead: int) -> None:
    """The writer of the marker knew the letter's future offset; such a letter would never be open."""
    forged, real = marker(4, 4 + ahead), letter(4 + ahead)
    replays = Replays(0, 0)
    replays.add([forged, real])
    assert (replays.count, replays.findings) == (0, [])
    index = Index()
    index.add(0, [forged, real])
    assert not index.replays(LetterPlace(0, 4 + ahead))
    assert replay_row("dlq", 0, forged, "2026-01-01T00:00:00.000Z") is None
    board = Board("kafka:9092", FORMAT, Replicas(), 0.0)
    board.add_dead(0, [real, forged], 0.0)
    (found,) = [
        one for one in board.snapshot(0.0)["dead_letters"] if one["offset"] == 4 + ahead and one["reason"] == "empty"
    ]
    assert found["replayed"] is None
