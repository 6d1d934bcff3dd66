"""The time at which a read_committed reader gets each scored payment."""

import threading
import time
from collections.abc import Sequence
from typing import Self

from benchmarks import topics

_POLL_S = 0.1
_LOOK_EVERY_S = 0.05


class Arrivals:
    """A reader of the scored topic in a thread; notes each record's time by the number in its key."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self._reader = topics.reader(bootstrap, topic, partitions, **{"fetch.wait.max.ms": 500})
        self._at_s: dict[int, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="arrivals", daemon=True)

    def wait_for(self, numbers: Sequence[int], timeout_s: float) -> list[float]:
        """Return the arrival times of these numbers (perf_counter, s); TimeoutError if some do not arrive."""
        deadline_s = time.perf_counter() + timeout_s
        while missing := sum(number not in self._at_s for number in numbers):
            if time.perf_counter() > deadline_s:
                raise TimeoutError(f"{missing} of {len(numbers)} scored payments are still missing")
            time.sleep(_LOOK_EVERY_S)
        return [self._at_s[number] for number in numbers]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._reader.close()

    def _read(self) -> None:
        while not self._over.is_set():
            message = self._reader.poll(_POLL_S)
            if message is None or message.error() is not None:
                continue
            key = message.key()
            assert key is not None  # noqa: S101 - all contenders keep the payment's key
            self._at_s.setdefault(int(key), time.perf_counter())
