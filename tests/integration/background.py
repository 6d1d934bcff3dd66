"""Work in threads beside a test or a measurement."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event


@contextmanager
def in_background(*works: Callable[[Event], object], end_s: float = 60) -> Iterator[Event]:
    """Run `work(over)` of each in a thread within the block, and raise its error at the end.

    The event `over` is set at the end at the latest; TimeoutError if a thread still runs `end_s` later.
    """
    over, pool = Event(), ThreadPoolExecutor(len(works))
    running = [pool.submit(work, over) for work in works]
    try:
        yield over
    finally:
        over.set()
        pool.shutdown(wait=False)
        late = wait(running, end_s).not_done
    if late:
        raise TimeoutError(f"{len(late)} threads still run {end_s:g} s after the end of their block")
    for one in running:
        one.result()
