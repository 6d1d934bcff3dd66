"""The dashboard under load: its CPU and memory, the delay of its pages, the time to a page's first number."""

import itertools
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median
from threading import Event
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from tests.browser.chromium import ARGUMENTS
from tests.integration.background import in_background
from tests.integration.broker.deadline import wait_until
from tests.integration.broker.process import Process

from benchmarks import scored, usage, workload
from benchmarks.addresses import address
from benchmarks.figures import percentile
from benchmarks.job import Bench, Job, job, running
from benchmarks.progress import Sample, cpu_shares, resident_by_tenth
from benchmarks.records import Template, dead_letter, scored_at
from benchmarks.screen import Screen, section
from fraudstream.runtime.heartbeat import unhealthy

RATE_PER_S = 10_000
PARTITIONS = 6
VIEWERS = 5
LOADS = 10
_IDLE_S = 30.0
_SETTLE_S = 5.0
_SAMPLE_EVERY_S = 0.5
_CPU_OVER_S = 10.0
_READY_S = 60.0
_TIMEOUT_S = 30.0
_CYCLE_S = 0.05
_PAYMENTS_PER_DEAD_LETTER = 1_000
_LONGEST_PAINT_MS = 10_000
_NOTE_FIRST_NUMBER = """
const look = () => {
  const rate = document.querySelector('[data-testid="kpi-rate"]');
  if (rate && /\\d/.test(rate.textContent)) document.documentElement.dataset.painted = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


@dataclass(slots=True)
class Written:
    """Counts of the records committed so far."""

    payments: int = 0
    dead_letters: int = 0


@dataclass(slots=True)
class Viewer:
    """One open page: the counts in its last event, and the delays of the flagged payments that it received."""

    events: int = 0
    size: int = 0
    sampled: int = 0
    payments: int = 0
    dead_letters: int = 0
    flagged: list[tuple[float, float]] = field(default_factory=list)
    """The time at which each was scored (s since 1970), and its delay (s)."""

    def receive(self, event: bytes, now_s: float) -> None:
        """Count an event's JSON, received at `now_s`."""
        content: dict[str, Any] = json.loads(event)
        self.events += 1
        self.size += len(event)
        self.sampled += content["sampling"] is not None
        self.payments, self.dead_letters = sum(content["scores"]), sum(content["dead_reasons"].values())
        times = [datetime.fromisoformat(payment["scored_at"]).timestamp() for payment in content["flagged"]]
        self.flagged += [(scored_s, now_s - scored_s) for scored_s in times]

    def run(self, url: str, over: Event) -> None:
        """Receive the page's events until `over`; ConnectionError if the dashboard ends them."""
        with urlopen(f"{url}/events", timeout=_TIMEOUT_S) as page:  # noqa: S310 - our own http URL
            for line in page:
                if line.startswith(b"data: "):
                    self.receive(line.removeprefix(b"data: "), time.time())
                if over.is_set():
                    return
        raise ConnectionError("a viewer was disconnected")


def measure(bench: Bench) -> Screen:
    """Measure the dashboard beside an idle scorer, whose metrics it shows."""
    templates = scored.templates(Path(bench.contenders["scorer_default"].variables["MODELS_DIR"]))
    with (
        job(bench, "scorer_default_with_metrics", partitions=PARTITIONS) as beside,
        running(beside) as scorer,
        job(bench, "dashboard", partitions=PARTITIONS) as new,
        running(new, METRICS_TARGETS=urlsplit(address(scorer.log, "metrics")).netloc) as process,
    ):
        url = address(process.log, "dashboard ready")
        wait_until(lambda: unhealthy(new.heartbeat()) is None, _READY_S, "the dashboard ready")
        with _viewing(url, 1):
            time.sleep(_SETTLE_S)
            idle = _samples(process, min(_IDLE_S, bench.settings.dashboard_s), Written())
        found = _load(new, process, url, templates, bench.settings.dashboard_s, idle)
    print(section(asdict(found)), flush=True)
    return found


def _load(
    new: Job, process: Process, url: str, templates: Sequence[Template], seconds: float, idle: Sequence[Sample]
) -> Screen:
    """Measure under load, and then the page loads: a browser's start would slow all processes."""
    with _viewing(url, VIEWERS) as viewers:
        with _writing(new, templates) as written:
            time.sleep(_SETTLE_S)
            since_s, size_before = time.time(), sum(viewer.size for viewer in viewers)
            samples = _samples(process, seconds, written)
            until_s, size = time.time(), sum(viewer.size for viewer in viewers) - size_before
            peak_mb = usage.peak_resident_mb(process.pid)
            first_paint_ms = paints_ms(url)
        time.sleep(_SETTLE_S)
    delays = sorted(delay for viewer in viewers for at_s, delay in viewer.flagged if since_s <= at_s < until_s)
    shares, first, finish = cpu_shares(samples, _CPU_OVER_S), samples[0], samples[-1]
    return Screen(
        viewers=len(viewers),
        seconds=seconds,
        rate_per_s=(finish.total - first.total) / (finish.at_s - first.at_s),
        idle_cpu_share=cpu_shares(idle, _IDLE_S)[0],
        idle_mb=idle[-1].resident_mb,
        cpu_share=median(shares),
        cpu_share_most=max(shares),
        resident_mb_by_tenth=resident_by_tenth(samples),
        peak_mb=peak_mb,
        p50_s=percentile(delays, 0.50),
        p99_s=percentile(delays, 0.99),
        longest_s=delays[-1],
        kb_per_s=size / 1_000 / (until_s - since_s) / len(viewers),
        events_sampled=sum(viewer.sampled for viewer in viewers),
        payments=written.payments,
        payments_received=min(viewer.payments for viewer in viewers),
        dead_letters=written.dead_letters,
        dead_letters_received=min(viewer.dead_letters for viewer in viewers),
        first_paint_ms=first_paint_ms,
    )


def _samples(process: Process, seconds: float, written: Written) -> list[Sample]:
    samples = [usage.sample(process.pid, written.payments)]
    while samples[-1].at_s - samples[0].at_s < seconds:
        time.sleep(_SAMPLE_EVERY_S)
        samples.append(usage.sample(process.pid, written.payments))
    return samples


@contextmanager
def _viewing(url: str, count: int) -> Iterator[list[Viewer]]:
    """View within the block, once all pages have their first event."""
    viewers = [Viewer() for _ in range(count)]
    with in_background(*(partial(viewer.run, url) for viewer in viewers)):
        wait_until(lambda: all(viewer.events for viewer in viewers), _TIMEOUT_S, f"{count} viewers")
        yield viewers


@contextmanager
def _writing(new: Job, templates: Sequence[Template]) -> Iterator[Written]:
    """Write scored payments and dead letters within the block."""
    written = Written()
    with in_background(partial(_write, new, itertools.cycle(templates), written)):
        yield written


def _write(new: Job, templates: Iterator[Template], written: Written, over: Event) -> None:
    """Write what is due in each cycle, in a transaction, as a scorer does it."""
    scored_topic, dlq_topic = new.outputs
    sender = workload.producer(new.bootstrap, **{"transactional.id": scored_topic, "linger.ms": 1})
    sender.init_transactions(_TIMEOUT_S)
    start_s = time.perf_counter()
    while not over.wait(_CYCLE_S):
        due = int((time.perf_counter() - start_s) * RATE_PER_S) - written.payments
        dead = (written.payments + due) // _PAYMENTS_PER_DEAD_LETTER - written.dead_letters
        now_s = time.time()
        at = scored_at(now_s)
        sender.begin_transaction()
        for template in itertools.islice(templates, due):
            sender.produce(scored_topic, value=template.value(at), key=template.key)
        for number in range(written.dead_letters, written.dead_letters + dead):
            letter = dead_letter(number, int(1_000 * now_s))
            sender.produce(dlq_topic, value=letter.value, key=letter.key, headers=[*letter.headers])
        sender.commit_transaction(_TIMEOUT_S)
        written.payments += due
        written.dead_letters += dead


def paints_ms(url: str) -> list[float]:
    """Return the time from the start of each navigation to the first number; [] without Chromium or Playwright."""
    executable = shutil.which("chromium")
    try:
        from playwright.sync_api import TimeoutError as NeverError
        from playwright.sync_api import sync_playwright
    except ImportError:
        return []
    if executable is None:
        return []
    times_ms = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        for _ in range(LOADS):
            page = browser.new_page()  # in a context of its own
            page.add_init_script(_NOTE_FIRST_NUMBER)
            page.goto(url, wait_until="commit")
            painted = page.locator("html[data-painted]")
            try:
                times_ms.append(float(painted.get_attribute("data-painted", timeout=_LONGEST_PAINT_MS) or 0))
            except NeverError:
                times_ms.append(_LONGEST_PAINT_MS)
            page.close()
        browser.close()
    return times_ms
