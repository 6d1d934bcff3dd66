"""The page counts each payment once, through faults of the broker that it reads from."""

from pathlib import Path

from tests.conftest import MakeCluster, Names
from tests.integration.archive import SQLITE, Archive, Stream, output_topics
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import Dashboard, now, snapshot

RESTARTS = 10
PARTITIONS = 6
PAYMENTS = 7
_INTERNAL = ("offsets.topic.num.partitions", "transaction.state.log.num.partitions")
"""Kafka's default partition counts: with more, a restarted broker takes longer to know the topics."""


def total(dashboard: Dashboard) -> int:
    """Return the number of payments that the page shows."""
    series = snapshot(dashboard.url)["series"]
    return sum(sum(series[decision]) for decision in ("approve", "review", "block"))


def wait_until_both_grow(dashboard: Dashboard, archive: Archive) -> None:
    """Wait until page and archive have more payments."""
    shown, rows = total(dashboard), archive.count()
    wait_until(lambda: total(dashboard) > shown and archive.count() > rows, 60, "page and archive have more payments")


def test_page_and_archive_agree_after_ten_restarts(make_cluster: MakeCluster, names: Names, tmp_path: Path) -> None:
    """A broker that has just started reports only some partitions: no position is dropped because of that."""
    cluster = make_cluster(properties=dict.fromkeys(_INTERNAL, "50"))
    archive = Archive(output_topics(cluster.bootstrap, names, tmp_path, PARTITIONS), SQLITE)
    stream = Stream(archive.surroundings, scored_at=now())
    with archive.archiver() as archiver, Dashboard(archive.surroundings) as dashboard:
        with stream.writing(PAYMENTS):
            for _ in range(RESTARTS):
                wait_until_both_grow(dashboard, archive)
                cluster.broker.terminate()
                cluster.broker.start()
        archive.wait_until_archived(archiver)
        rows = archive.count()
        assert rows >= stream.written > RESTARTS * PAYMENTS
        wait_until(lambda: total(dashboard) == rows, 30, f"the page shows {rows} payments")
