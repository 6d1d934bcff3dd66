"""Replicas: one, two and four scorers share a backlog that appears when all of them are ready."""

from contextlib import ExitStack

from tests.integration.broker.deadline import wait_until

from benchmarks import topics, workload
from benchmarks.job import Bench, Job, job, running
from benchmarks.throughput import PARTITIONS, check
from benchmarks.watching import output, watch
from fraudstream.runtime.heartbeat import unhealthy

COUNTS = (1, 2, 4)
_READY_S = 60.0


def measure(bench: Bench) -> dict[int, list[float]]:
    """Return payments per second by the number of replicas, in the order of the rounds."""
    found: dict[int, list[float]] = {count: [] for count in COUNTS}
    for number in range(1, bench.settings.latency_repeats + 1):
        for replicas in COUNTS:
            with job(bench, "scorer_default", partitions=PARTITIONS) as new:
                per_s = _run(new, replicas, bench.settings.payments)
            found[replicas].append(per_s)
            print(f"replicas {number}: {replicas} {per_s:>30,.0f}/s", flush=True)
    return found


def _run(new: Job, replicas: int, count: int) -> float:
    backlog = workload.HiddenBacklog(new.bootstrap, new.input, count)
    seen = output(new)
    with ExitStack() as stack:
        processes = [stack.enter_context(running(new, replica)) for replica in range(replicas)]
        wait_until(lambda: _all_ready(new, replicas), _READY_S, f"{replicas} scorers ready")
        backlog.reveal()
        samples = watch(new, seen, processes[0], count)
    return check(new, count, seen, samples)[1].per_s


def _all_ready(new: Job, replicas: int) -> bool:
    """Return whether all are members of the group and own the partitions that the group assigned to them."""
    ready = all(unhealthy(new.heartbeat(replica)) is None for replica in range(replicas))
    return ready and topics.members(new.bootstrap, new.name) == replicas
