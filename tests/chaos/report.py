"""The storm's log, printed line by line; findings are kept for the verdict."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable

_NUMBERS = re.compile(r"[0-9]+")
_KEPT = 3


class Report:
    """Events printed with the storm's clock and counted by kind, and the findings. Thread-safe."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self._alike: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self._since_s = time.monotonic()
        self._lock = threading.Lock()

    def log(self, text: str, event: str = "") -> None:
        """Print one line; `event` is the kind that the summary counts it as."""
        with self._lock:
            if event:
                self.events[event] += 1
            print(f"{time.monotonic() - self._since_s:7.1f} s  {text}", flush=True)

    def add_finding(self, text: str) -> None:
        """Record a finding: a broken promise. Of findings that differ in their numbers only, three are kept."""
        with self._lock:
            kind = _NUMBERS.sub("#", text)
            self._alike[kind] += 1
            alike = self._alike[kind]
            if alike <= _KEPT:
                self.findings.append(text)
        if alike <= _KEPT:
            self.log(f"FINDING: {text}")
        elif alike == _KEPT + 1:
            self.log("FINDING: more of this kind, not listed")

    def thread(self, work: Callable[[], None]) -> threading.Thread:
        """Return a thread, not started, that records a finding if `work` raises."""

        def run() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - would be lost in a thread otherwise
                self.add_finding(f"{work.__qualname__} ended: {error!r}")

        return threading.Thread(target=run, name=work.__qualname__, daemon=True)
