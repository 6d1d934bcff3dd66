"""A warm-up before the measurements: the broker is a JVM too, and slow until its code is compiled."""

from benchmarks import latency, throughput, topics, workload
from benchmarks.job import Bench, job

_BULK = ("kafka_streams", "ceiling", "scorer_default")
_SMALL_TRANSACTIONS_S = 10.0


def warm_up(bench: Bench) -> None:
    """Run large transactions of three clients, then many small ones; nothing of it is kept."""
    print("warming up the broker ...", flush=True)
    topic = "warm-up-payments"
    topics.make(bench.bootstrap, [topic], throughput.PARTITIONS)
    workload.fill(bench.bootstrap, topic, workload.payments(bench.settings.payments))
    for name in _BULK:
        with job(bench, name, input_topic=topic, partitions=throughput.PARTITIONS) as new:
            throughput.run(new, bench.settings.payments)
    topics.delete(bench.bootstrap, [topic])
    with job(bench, "scorer_default", partitions=max(latency.ORDER)[0]) as new:
        latency.run(new, _SMALL_TRANSACTIONS_S)
