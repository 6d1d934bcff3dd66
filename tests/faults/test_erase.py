"""An erasure killed at each step, and under load: other rows stay once, and running it again completes it."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from fraudstream.csv_file.paths import all_files
from fraudstream.runtime import failpoints
from tests.integration import tools
from tests.integration.archive import Archive
from tests.integration.background import in_background
from tests.integration.broker.deadline import wait_until
from tests.integration.erasing import erase, erase_all, ids, running
from tests.integration.scorer import Message, Surroundings, payment

pytestmark = pytest.mark.partitions(2)
SIGKILLED = -9
ROTATED = {"CSV_ROTATE_BYTES": "4000"}
BATCHES_PER_S = 10
"""A pace at which an erasure does not lengthen the next one: each reads the whole topics."""


@pytest.mark.parametrize("step", failpoints.ERASE_NAMES)
def test_killed_at_each_step(surroundings: Surroundings, sqlite: Archive, step: str) -> None:
    """Each file is the old or the new one; scorer and archiver continue; the next run erases the rest."""
    with running(surroundings, sqlite, **ROTATED):
        for _ in range(2):
            surroundings.send_and_wait(100)
        wait_until(lambda: sqlite.count() == 200, 60, "archived")
        before = {path: path.read_text().splitlines() for path in all_files(surroundings.csv)}
        done = erase(sqlite, "--payment-id", "7", "--payment-id", "8", "--yes", FAILPOINTS=f"{step}=kill")
        assert done.code == SIGKILLED, done.output
        for path, lines in before.items():
            kept = [line for line in lines if line.split(",")[1] not in {"7", "8"}]
            assert path.read_text().splitlines() in (lines, kept)
        surroundings.send_and_wait(6)
        wait_until(lambda: sqlite.count() in {206, 202}, 60, "archived")
        erase_all(sqlite, "--payment-id", "7", "--payment-id", "8")
    left = sorted([*range(1, 101)] * 2 + [*range(1, 7)])
    assert ids(surroundings) == [one for one in left if one not in {7, 8}]
    assert sqlite.count() == 202
    assert not list(surroundings.csv.parent.glob(".*.erasing"))
    tools.assert_well(surroundings, "each of 206 records", "4 erased")


@contextmanager
def sending(surroundings: Surroundings, sent: list[int]) -> Iterator[None]:
    """Send batches of 200 payments at a fixed pace within the block; their ids are in `sent`."""

    def send(over: Event) -> None:
        for first in itertools.count(1, 200):
            if over.wait(1 / BATCHES_PER_S):
                return
            numbers = range(first, first + 200)
            surroundings.send([Message(payment(one), partition=one % 2) for one in numbers])
            sent.extend(numbers)

    with in_background(send):
        yield


def test_under_load(surroundings: Surroundings, sqlite: Archive) -> None:
    """Repeated erasures while two scorers append and rotate the file leave all other rows there once."""
    sent, gone = list[int](), [11, 12, 403, 404, 605]
    with running(surroundings, sqlite, CSV_ROTATE_BYTES="40000"), surroundings.scorer(CSV_ROTATE_BYTES="40000"):
        with sending(surroundings, sent):
            wait_until(lambda: len(sent) > 1_000, 60, "payments are sent")
            for one in gone:
                erase(sqlite, "--payment-id", str(one), "--yes")
        surroundings.wait_until_committed()
        wait_until(lambda: sqlite.count() >= len(sent) - len(gone), 60, "archived")
        erase_all(sqlite, *(argument for one in gone for argument in ("--payment-id", str(one))))
    assert ids(surroundings) == sorted(set(sent) - set(gone))
    assert sqlite.count() == len(sent) - len(gone)
    tools.assert_well(surroundings, f"each of {len(sent):,} records", "5 erased")
