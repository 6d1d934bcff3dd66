"""A writer of scored payments at a rate, cycle by cycle, each in a transaction, as a scorer does it."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks import workload
from benchmarks.records import Template, dead_letter, scored_at

_CYCLE_S = 0.05
_TIMEOUT_S = 30.0
_PAYMENTS_A_DEAD_LETTER = 1_000


@dataclass(slots=True)
class Written:
    """Counts of the payments committed so far."""

    by_second: Counter[int] = field(default_factory=Counter)
    """Payments by the second in which they were scored."""
    payments: int = 0
    dead_letters: int = 0


@contextmanager
def writing(
    bootstrap: str, scored: str, dlq: str, templates: Sequence[Template], rate_per_s: float
) -> Iterator[Written]:
    """Write within the block, in a thread; every thousandth payment comes with a dead letter."""
    over, written = threading.Event(), Written()
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(_write, bootstrap, (scored, dlq), itertools.cycle(templates), rate_per_s, written, over)
        try:
            yield written
        finally:
            over.set()
        writer.result()


def _write(
    bootstrap: str,
    topics: tuple[str, str],
    templates: Iterator[Template],
    rate_per_s: float,
    written: Written,
    over: threading.Event,
) -> None:
    """Write each cycle's payments; overdue ones are sent with the next cycle."""
    scored, dlq = topics
    sender = workload.producer(bootstrap, **{"transactional.id": scored, "linger.ms": 1})
    sender.init_transactions(_TIMEOUT_S)
    start_s = time.perf_counter()
    while not over.wait(_CYCLE_S):
        due = int((time.perf_counter() - start_s) * rate_per_s) - written.payments
        dead = (written.payments + due) // _PAYMENTS_A_DEAD_LETTER - written.dead_letters
        now_s = time.time()
        at = scored_at(now_s)
        sender.begin_transaction()
        for template in itertools.islice(templates, due):
            sender.produce(scored, value=template.value(at), key=template.key)
        for number in range(written.dead_letters, written.dead_letters + dead):
            letter = dead_letter(number, int(1_000 * now_s))
            sender.produce(dlq, value=letter.value, key=letter.key, headers=[*letter.headers])
        sender.commit_transaction(_TIMEOUT_S)
        written.by_second[int(now_s)] += due
        written.payments += due
        written.dead_letters += dead
