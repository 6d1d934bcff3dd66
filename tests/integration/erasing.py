"""`fraudstream erase` beside a scorer and an archiver, and the payments for them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from fraudstream.csv_file.paths import all_files
from tests.integration import tools
from tests.integration.archive import Archive
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import Message, Surroundings, payment
from tests.integration.service import Service

CUSTOMER = b"\xff\x00customer"
PROBLEMS = ("group ahead", "group reset back", "CSV damaged", "CSV missing", "journal lost", "scoring blocked")
NOW_MS = int(time.time() * 1_000)


def erase(archive: Archive, *arguments: str, **settings: str) -> tools.Done:
    """Run the command."""
    own = {"DATABASE_URL": archive.url}
    return tools.run(archive.surroundings, "erase", *arguments, **own, **settings)


def erase_all(archive: Archive, *arguments: str, **settings: str) -> str:
    """Erase without a confirmation; all must be erased."""
    done = erase(archive, *arguments, "--yes", **settings)
    assert done.code == 0, done.output
    return done.output


def letter(payment_id: int) -> bytes:
    """Return a message with an amount as text, which no other message has."""
    return payment(payment_id).replace(b"10.5", b'"secret-of-%d"' % payment_id, 1)


def send(surroundings: Surroundings, first: int, count: int) -> None:
    """Send payments, one of ten of them of a customer, then one of each dead letter."""
    numbers = range(first, first + count)
    messages = [Message(payment(one), CUSTOMER if one % 10 == 0 else b"%d" % one, one % 2) for one in numbers]
    messages += [Message(payment(90).replace(b"10.5", b'"secret-of-90"')), Message(b"secret-of-customer", CUSTOMER)]
    surroundings.send(messages)


def ids(surroundings: Surroundings) -> list[int]:
    """Return the payment ids in all files of the CSV."""
    lines = [line for path in all_files(surroundings.csv) for line in path.read_text().splitlines()[1:]]
    return sorted(int(line.split(",")[1]) for line in lines)


@contextmanager
def running(surroundings: Surroundings, archive: Archive, **settings: str) -> Iterator[tuple[Service, Service]]:
    """Run a scorer and an archiver, once the latter is ready; neither may log a problem."""
    with surroundings.scorer(**settings) as scorer, archive.archiver() as archiver:
        archiver.wait_until_ready()
        yield scorer, archiver
        for event in PROBLEMS:
            assert not scorer.lines(event), scorer.output
        for service in (scorer, archiver):
            service.stop()


def settle(surroundings: Surroundings, archive: Archive, rows: int, letters: int) -> None:
    """Wait until all is scored and archived."""
    surroundings.wait_until_committed()
    wait_until(lambda: (archive.count(), archive.count("dead_letters")) == (rows, letters), 60, "archived")
