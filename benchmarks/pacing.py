"""Sends payments one by one on a schedule."""

import time
from collections.abc import Iterable

from confluent_kafka import Producer

from benchmarks.workload import Payment


def send_paced(sender: Producer, topic: str, messages: Iterable[Payment], rate_per_s: float) -> list[float]:
    """Send each when it is due, whatever becomes of those before it; returns the due times (perf_counter, s).

    Where this process is held up, what is overdue goes out at once: its latency counts from when it was due.
    """
    ready = list(messages)
    start_s = time.perf_counter() + 0.01
    due_s = [start_s + number / rate_per_s for number in range(len(ready))]
    for due, (key, value) in zip(due_s, ready, strict=True):
        wait_s = due - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        sender.produce(topic, value=value, key=key)
        sender.poll(0)
    return due_s
