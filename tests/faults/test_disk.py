"""The folder of the CSV fails: no offset moves, the file stays whole, and scoring resumes by itself."""

import os
import resource
from pathlib import Path

import pytest

from fraudstream.csv_file.lock import FileLock
from tests.integration.scorer import READY, Surroundings
from tests.oracle import csv_rows
from tests.scores import HEADER

MEGABYTE = 1 << 20


def test_case_18_disk_full(surroundings: Surroundings) -> None:
    """A limit cuts a write short; the half row is removed, and nothing is committed until there is room."""
    with surroundings.assigned_scorer() as scorer:
        surroundings.send_and_wait(400)
        size = surroundings.csv.stat().st_size
        resource.prlimit(scorer.pid, resource.RLIMIT_FSIZE, (size + 1_000, resource.RLIM_INFINITY))
        surroundings.send_payments(4_000)
        scorer.wait_for("scoring blocked")
        assert surroundings.csv.stat().st_size == size
        assert surroundings.committed() == 400
        resource.prlimit(scorer.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        scorer.wait_for("scoring resumed")
        surroundings.wait_until_committed()
        assert scorer.running
    assert surroundings.assert_each_once() == 4_400
    assert surroundings.csv.read_text().count(HEADER) == 1


def test_case_19_a_folder_that_is_read_only(surroundings: Surroundings) -> None:
    """A scorer without rights on the folder is unready with a clear reason, and then continues."""
    folder = surroundings.csv.parent
    folder.chmod(0o555)
    surroundings.send_payments(100)
    with surroundings.unprivileged("scorer") as scorer:
        (line,) = scorer.wait_for("not ready")
        assert "Permission denied" in line["reason"]
        assert str(folder) in line["reason"]
        assert surroundings.committed() == 0
        folder.chmod(0o777)
        surroundings.wait_until_committed()
    assert surroundings.assert_each_once() == 100


def test_case_19_a_csv_that_a_program_holds(surroundings: Surroundings) -> None:
    """While a program holds the file, as a spreadsheet does on Windows, the scorer waits for it; nothing is lost."""
    with surroundings.unprivileged("scorer") as scorer:
        scorer.wait_for(READY)
        surroundings.send_and_wait(100)
        surroundings.csv.chmod(0o444)
        surroundings.send_payments(100)
        (line,) = scorer.wait_for("scoring blocked")
        assert f"{surroundings.csv}: Permission denied" in line["reason"]
        assert "spreadsheet" in line["reason"]
        assert surroundings.committed() == 100
        surroundings.csv.chmod(0o664)
        scorer.wait_for("scoring resumed")
        surroundings.wait_until_committed()
        assert scorer.running
    assert surroundings.assert_each_once() == 200


@pytest.mark.parametrize("what", ["deleted", "moved", "truncated", "edited"])
def test_case_20_the_csv_is_changed_while_running(surroundings: Surroundings, what: str) -> None:
    """A changed file is kept and a new one started: no silent append, no row lost or repeated in them."""
    with surroundings.assigned_scorer() as scorer:
        surroundings.send_and_wait(400)
        moved = surroundings.csv.with_name("moved.csv")
        before = surroundings.csv.read_text()
        if what == "deleted":
            surroundings.csv.unlink()
        elif what == "moved":
            surroundings.csv.rename(moved)
        else:
            surroundings.csv.write_text(before[:-40] if what == "truncated" else before.replace("approve", "APPROVE"))
        surroundings.send_and_wait(400)
        assert scorer.running
        events = {"deleted": "CSV missing", "moved": "CSV missing"}
        scorer.wait_for(events.get(what, "CSV damaged"))
    assert len(csv_rows(surroundings.csv)) == 400
    assert all(offset >= 100 for _, offset in csv_rows(surroundings.csv))
    kept = surroundings.csv.with_name("fraud_scores_stream.damaged-1.csv")
    assert kept.exists() == (what in {"truncated", "edited"})


def test_case_26_a_lock_held_for_long_with_a_backlog(surroundings: Surroundings) -> None:
    """Memory stays bounded while nothing can be stored, and the group stays as it is."""
    with surroundings.ready_scorer() as scorer:
        with FileLock(surroundings.csv.with_name(f".{surroundings.csv.name}.lock"), 5).held():
            surroundings.send_payments(200_000)
            scorer.wait_for("scoring blocked")
            scorer.wait_for("partitions taken over again")
            scorer.wait_for("partitions not ready")
            assert resident_bytes(scorer.pid) < 300 * MEGABYTE
        surroundings.wait_until_committed(timeout_s=240)
        assert resident_bytes(scorer.pid) < 300 * MEGABYTE
        assert len(scorer.lines(READY)) == 1
    assert surroundings.assert_each_once() == 200_000


def resident_bytes(pid: int) -> int:
    """Return the process's resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
