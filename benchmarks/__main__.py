"""`python -m benchmarks`, from the project's root: settings → models, frameworks, brokers → sections → results."""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree

from tests.integration.broker import Line

from benchmarks import (
    archive,
    broker,
    contenders,
    dashboard,
    kafka4,
    latency,
    machine,
    memory,
    models,
    readme,
    replicas,
    swaps,
    throughput,
    warming,
)
from benchmarks.contenders import Contender
from benchmarks.job import Bench
from benchmarks.results import Measured, merge, results
from benchmarks.settings import BenchSettings
from fraudstream.errors import FraudstreamError

_CACHE = Path(".cache/benchmarks")


def main() -> int:
    """Measure, and write results.json and README.md."""
    try:
        settings = BenchSettings.from_env(os.environ)
    except FraudstreamError as error:
        print(error, file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that all processes are stopped
    _CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=_CACHE)).resolve()
    try:
        measured = _measure(settings, folder)
    finally:
        rmtree(folder, ignore_errors=True)
    _write(settings, measured)
    return 0


def _measure(settings: BenchSettings, folder: Path) -> Measured:
    """Run the sections, with their files on the project's disk, as its outputs would be."""
    known = contenders.all_of_them(models.make(folder / "models"))
    measured = Measured()
    if set(settings.sections) != {"kafka4"}:
        with _warm_bench(settings, folder, known, broker.LINE) as bench:
            measured = _run_sections(bench)
    if "kafka4" in settings.sections:
        with _warm_bench(settings, folder, known, kafka4.LINE) as bench:
            measured = replace(measured, kafka4=kafka4.measure(bench))
    return measured


@contextmanager
def _warm_bench(settings: BenchSettings, folder: Path, known: Mapping[str, Contender], line: Line) -> Iterator[Bench]:
    with broker.cluster(line) as cluster:
        bench = Bench(
            bootstrap=cluster.bootstrap,
            broker_pid=cluster.broker.pid,
            folder=folder,
            settings=settings,
            contenders=known,
        )
        warming.warm_up(bench)
        yield bench


def _run_sections(bench: Bench) -> Measured:
    wanted = bench.settings.sections
    return Measured(
        throughput=throughput.measure(bench) if "throughput" in wanted else None,
        latency=latency.measure(bench) if "latency" in wanted else None,
        companions=throughput.measure(bench, throughput.COMPANIONS) if "companions" in wanted else None,
        metrics=throughput.measure_metrics(bench) if "metrics" in wanted else None,
        swaps=swaps.measure(bench) if "swaps" in wanted else None,
        replicas=replicas.measure(bench) if "replicas" in wanted else None,
        memory=memory.measure(bench) if "memory" in wanted else None,
        dashboard=dashboard.measure(bench) if "dashboard" in wanted else None,
        archive=archive.measure(bench) if "archive" in wanted else None,
    )


def _write(settings: BenchSettings, measured: Measured) -> None:
    run = settings.model_dump(include={"payments", "repeats", "latency_repeats", "latency_s"})
    run |= {"partitions": throughput.PARTITIONS, "slow_s": contenders.SLOW_S}
    content = results(measured, machine.describe(), run)
    folder = settings.results_folder
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "results.json"
    if settings.keep and file.exists():
        today = datetime.now(UTC).date().isoformat()
        content = merge(json.loads(file.read_text(encoding="utf-8")), content, today)
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(readme.render(content), encoding="utf-8")
    print(json.dumps({"ratios": content["ratios"]}, indent=2))
    print(f"written: {folder}/results.json and {folder}/README.md")


if __name__ == "__main__":
    sys.exit(main())
