"""Scrapes of a service's metrics, at the intervals of its usual clients: the dashboard 2 s, Prometheus 5 s."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event
from urllib.request import urlopen

from tests.integration.background import in_background
from tests.integration.broker.process import Process

from benchmarks.addresses import address

EVERY_S = (2.0, 5.0)
_ANSWER_S = 10.0


@contextmanager
def scraped(process: Process) -> Iterator[None]:
    """Scrape within the block, once the address is logged; errors are raised at the end."""

    def ask(every_s: float, over: Event) -> None:
        url = address(process.log, "metrics")
        while True:
            with urlopen(url, timeout=_ANSWER_S) as response:  # noqa: S310 - our own http URL
                response.read()
            if over.wait(every_s):
                return

    with in_background(*(partial(ask, every_s) for every_s in EVERY_S)):
        yield


def total(url: str, series: str) -> int:
    """Return the sum of a counter over its labels."""
    with urlopen(url, timeout=_ANSWER_S) as response:  # noqa: S310 - our own http URL
        lines = response.read().decode().splitlines()
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(series))
