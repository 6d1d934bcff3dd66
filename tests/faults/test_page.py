"""The page counts each payment once, through faults of the broker that it reads from."""

from pathlib import Path

from tests.conftest import MakeCluster, Names
from tests.integration.archive import SQLITE, Archive, Stream
from tests.integration.broker.deadline import wait_until
from tests.integration.dashboard import Dashboard, now, total
from tests.integration.scorer import Surroundings

RESTARTS = 10
PARTITIONS = 6
PAYMENTS = 7
_INTERNAL = ("offsets.topic.num.partitions", "transaction.state.log.num.partitions")
"""Kafka's default partition counts: with more, a restarted broker takes longer to know the topics."""


def wait_until_both_grow(dashboard: Dashboard, archive: Archive) -> None:
    """Wait until page and archive have more payments."""
    shown, rows = total(dashboard.url), archive.count()
    wait_until(lambda: total(dashboard.url) > shown and archive.count() > rows, 60, "both have more payments")


def test_page_and_archive_agree_after_ten_restarts(make_cluster: MakeCluster, names: Names, tmp_path: Path) -> None:
    """A broker that has just started reports only some partitions: no position is dropped because of that."""
    cluster = make_cluster(properties=dict.fromkeys(_INTERNAL, "50"))
    surroundings = Surroundings(cluster.bootstrap, names, tmp_path, PARTITIONS).prepare()
    archive, stream = Archive(surroundings, SQLITE), Stream(surroundings, scored_at=now())
    with archive.archiver() as archiver, Dashboard(surroundings) as dashboard:
        with stream.writing(PAYMENTS):
            for _ in range(RESTARTS):
                wait_until_both_grow(dashboard, archive)
                cluster.broker.terminate()
                cluster.broker.start()
        archive.wait_until_archived(archiver)
        rows = archive.count()
        assert rows >= stream.written > RESTARTS * PAYMENTS
        wait_until(lambda: total(dashboard.url) == rows, 60, f"the page shows {rows} payments")
