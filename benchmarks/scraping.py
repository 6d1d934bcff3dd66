"""Scrapes of a service's metrics, at the intervals of its usual clients: the dashboard 2 s, Prometheus 5 s."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.request import urlopen

from tests.integration.broker.process import Process

from benchmarks.addresses import address

EVERY_S = (2.0, 5.0)
_ANSWER_S = 10.0


@contextmanager
def scraped(process: Process) -> Iterator[None]:
    """Scrape within the block, once the address is logged; errors are raised at the end."""
    over = threading.Event()

    def ask(every_s: float) -> None:
        url = address(process.log, "metrics")
        while True:
            with urlopen(url, timeout=_ANSWER_S) as response:  # noqa: S310 - our own http URL
                response.read()
            if over.wait(every_s):
                return

    with ThreadPoolExecutor(len(EVERY_S)) as pool:
        asking = [pool.submit(ask, every_s) for every_s in EVERY_S]
        try:
            yield
        finally:
            over.set()
        for one in asking:
            one.result()


def total(url: str, series: str) -> int:
    """Return the sum of a counter over its labels."""
    with urlopen(url, timeout=_ANSWER_S) as response:  # noqa: S310 - our own http URL
        lines = response.read().decode().splitlines()
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(series))
