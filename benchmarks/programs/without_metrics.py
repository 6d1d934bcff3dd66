"""The scorer without counters, timers and scraped metrics; otherwise unchanged."""

import sys
from contextlib import ExitStack
from unittest.mock import patch

from prometheus_client import Histogram

from fraudstream.runtime.run import run
from scorer.__main__ import main
from scorer.cycle_report import CycleReport
from scorer.gauges import PartitionGauges


def _nothing(*_: object) -> None:
    pass


async def _never(*_: object) -> None:
    pass


RECORDING = (
    (CycleReport, "_count", _nothing),
    (Histogram, "observe", _nothing),
    (PartitionGauges, "follow", _never),
)
"""Owner and name of each recording method, and its replacement."""


if __name__ == "__main__":
    with ExitStack() as replaced:
        for owner, method, nothing in RECORDING:
            replaced.enter_context(patch.object(owner, method, nothing))  # AttributeError if it was removed
        sys.exit(run(main))
