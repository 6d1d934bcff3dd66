"""The archiver: rows per second from a backlog into SQLite and into Postgres, and its memory meanwhile."""

import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.broker.process import Process
from tests.integration.postgres import Postgres

from benchmarks import scored, usage, workload
from benchmarks.addresses import address
from benchmarks.job import Bench, Job, job, running
from benchmarks.progress import Sample, pace, resident_by_tenth
from benchmarks.records import Template
from benchmarks.scraping import total

PARTITIONS = 6
_SERIES = "fraudstream_archive_rows_total"
_LOOK_EVERY_S = 0.1
_LONGEST_S = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """One database filled from a backlog of `rows`."""

    rows: int
    per_s: float
    cpu_s_per_1000: float
    resident_mb_by_tenth: Sequence[float]
    peak_mb: float
    bytes_per_row: float | None
    """Size of SQLite's file per row; None for Postgres."""


def measure(bench: Bench) -> Mapping[str, Filled]:
    """Measure each kind of database."""
    templates = scored.templates(Path(bench.contenders["scorer_default"].variables["MODELS_DIR"]))
    count = 2 * bench.settings.payments
    found = {}
    with job(bench, "archiver", partitions=PARTITIONS) as new:
        fill(new, templates, count)
        for replica, kind in enumerate(("sqlite", "postgres")):
            with _database(kind, new.folder) as url:
                found[kind] = drain(new, url, count, replica)
            print(f"archive: {kind} {found[kind].per_s:,.0f} rows/s, at most {found[kind].peak_mb:.0f} MB", flush=True)
    return found


def fill(new: Job, templates: Sequence[Template], count: int) -> None:
    """Put `count` scored payments into the scored topic, each with a place of its own."""
    at = b"2026-01-01T00:00:00.000Z"
    numbered = zip(range(1, count + 1), itertools.cycle(templates), strict=False)
    messages = ((b"%d" % number, _own(one.value(at), number)) for number, one in numbered)
    workload.fill(new.bootstrap, new.scored, messages)


def drain(new: Job, url: str, count: int, replica: int) -> Filled:
    """Archive the backlog, measured by the archiver's own counter of committed rows."""
    with running(new, replica, DATABASE_URL=url) as process:
        samples = _watch(process, count)
        peak_mb = usage.peak_resident_mb(process.pid)
    speed = pace(samples)
    file = Path(url.removeprefix("sqlite:///"))
    return Filled(
        rows=samples[-1].total,
        per_s=speed.per_s,
        cpu_s_per_1000=speed.cpu_s_per_1000,
        resident_mb_by_tenth=resident_by_tenth(samples),
        peak_mb=peak_mb,
        bytes_per_row=file.stat().st_size / count if url.startswith("sqlite") else None,
    )


def _own(value: bytes, number: int) -> bytes:
    """Return the payment with an id and a place of its own."""
    event = json.loads(value)
    event |= {"payment_id": number, "source_partition": number % PARTITIONS, "source_offset": number}
    return json.dumps(event, separators=(",", ":")).encode()


def _watch(process: Process, count: int) -> list[Sample]:
    began_s = time.perf_counter()
    url = address(process.log, "metrics")
    samples = [usage.sample(process.pid, 0)]
    while samples[-1].total < count:
        time.sleep(_LOOK_EVERY_S)
        samples.append(usage.sample(process.pid, total(url, _SERIES)))
        if time.perf_counter() - began_s > _LONGEST_S:
            raise TimeoutError(f"{process.name} is stuck or too slow, at {samples[-1].total} of {count}")
    return samples


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/payments.db"
        return
    with Postgres() as server:
        yield server.database("archive")
