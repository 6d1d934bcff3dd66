"""A sender of payments one by one on a schedule."""

import time
from collections.abc import Iterable

from confluent_kafka import Producer

from benchmarks.workload import Payment


def send_paced(sender: Producer, topic: str, messages: Iterable[Payment], rate_per_s: float) -> list[float]:
    """Send each when it is due, without waiting for the previous ones; return the due times (perf_counter, s).

    If this process is delayed, overdue payments are sent immediately: their latency counts from their due times.
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
