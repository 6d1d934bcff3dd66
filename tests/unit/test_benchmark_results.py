"""The benchmarks' results.json, and the page generated from it."""

import json
from pathlib import Path
from typing import Any

from benchmarks import goals
from benchmarks.archive import Filled
from benchmarks.kafka4 import Kafka4
from benchmarks.latency import ORDER as LATENCY_ORDER
from benchmarks.latency import RATES_PER_S, Case, Paced
from benchmarks.memory import Footprint
from benchmarks.progress import Pace
from benchmarks.readme import render
from benchmarks.results import Measured, merge, results
from benchmarks.screen import Screen
from benchmarks.swaps import Waits
from benchmarks.throughput import COMPANIONS, METRICS, ORDER, Run

ROOT = Path(__file__).parents[2]
NAMES = [
    "default_vs_kafka_streams",
    "logistic_vs_kafka_streams",
    "hgb_vs_ceiling",
    "logistic_vs_ceiling",
    "hgb_vs_quixstreams",
    "logistic_vs_quixstreams",
    "hgb_vs_plain_loop",
    "logistic_vs_plain_loop",
    "latency_p99_vs_kafka_streams_at_1000",
    "latency_p99_vs_kafka_streams_10ms_at_1000",
    "latency_p99_24_vs_6_partitions_at_1000",
    "exactly_once_vs_at_least_once",
    "watched_vs_bare_default",
    "watched_vs_bare_hgb",
    "challenged_vs_bare_default",
    "with_vs_without_metrics_default",
    "with_vs_without_metrics_logistic",
]
RUN = {"payments": 500_000, "repeats": 2, "latency_repeats": 2, "latency_s": 20.0, "partitions": 4, "slow_s": 16}
MACHINE = {"cores": 2, "kafka": "3", "kafka-streams": "3", "quixstreams": "3", "kafka-python": "3"}


def test_all_promised_ratios() -> None:
    """The ratios have exactly these names, in one flat object, and each has a goal."""
    content = _content()
    assert list(content["ratios"]) == [goal.name for goal in goals.GOALS]
    assert sorted(content["ratios"]) == sorted(NAMES)
    assert content["ratios"]["default_vs_kafka_streams"] == 2.0
    assert content["ratios"]["watched_vs_bare_hgb"] == 0.5
    assert content["ratios"]["with_vs_without_metrics_default"] == 0.98
    assert content["ratios"]["latency_p99_vs_kafka_streams_at_1000"] == 0.25
    assert content["ratios"]["latency_p99_vs_kafka_streams_10ms_at_1000"] == 0.5
    assert content["ratios"]["latency_p99_24_vs_6_partitions_at_1000"] == 1.5
    assert json.loads(json.dumps(content)) == content


def test_page_shows_ratios_beside_goals() -> None:
    """The page shows ratios beside goals, and which goals are missed."""
    page = render(_content())
    assert "| 2 | 2 to 2 | ≥ 1.2 |" in page
    assert "| 0.25 | 0.25 to 0.25 | ≤ 0.5 |" in page
    assert "≥ 80 (missed)" in page
    assert "| SQLite | 25,000 (≥ 20000) | 30.0 | 91 (≤ 200) |" in page
    assert "| Postgres | 15,000 (≥ 20000 (missed)) |" in page
    assert "| 6 swaps | 9 (9 to 9) | 30 (30 to 30) | 80 (80 to 80) |" in page
    assert "| 1.5 | 1.5 to 1.5 | ≤ 1.6 |" in page
    headings = (
        "## Throughput",
        "## Latency",
        "## Cost of metrics",
        "## Replicas",
        "## Memory",
        "## Dashboard",
        "## Archive",
        "## Results on Kafka 4",
    )
    assert all(heading in page for heading in headings)


def test_page_shows_the_brokers_cpu_beside_the_contenders() -> None:
    """The broker's CPU time is in ms per 1,000 payments for throughput, in percent of a core for latency."""
    page = render(_content())
    assert "| scorer, shipped model | 200 (200 to 200) | 10 (10 to 10) | 20 (20 to 20) | 100 (100 to 100) |" in page
    assert "| 5,000 | 24 | scorer, shipped model | 7.5 (7.5 to 7.5) | 15 (15 to 15) | 30 (30 to 30) |" in page
    assert "| 30 (30 to 30) | 17 (17 to 17) | 60 (60 to 60) |" in page


def test_page_shows_missing_figures_of_a_kept_section() -> None:
    """A section kept from an older run has no CPU time of the broker."""
    content = _content()
    for found in (*content["throughput"].values(), *content["latency"]):
        del found["broker_cpu_ms_per_1000" if "per_s" in found else "broker_cpu_percent"]
    page = render(content)
    assert "| scorer, shipped model | 200 (200 to 200) | 10 (10 to 10) | not measured |" in page
    assert "| 17 (17 to 17) | not measured |" in page


def test_page_has_kafka_4_in_the_same_tables() -> None:
    """Kafka 4 has a section of its own, with its version, rounds and seconds."""
    content = _content()
    usual, _, ours = render(content).partition("## Results on Kafka 4\n")
    ours = ours.partition("\n## ")[0]
    assert ours.startswith("Kafka 4.1.0,")
    assert "2 rounds of each,\n10 s at each rate" in ours
    tables = {text: [line for line in text.splitlines() if line.startswith("| ")] for text in (usual, ours)}
    assert set(tables[ours]) <= set(tables[usual])
    assert [line for line in ours.splitlines() if line.startswith("###")] == [
        "### Throughput",
        "### Latency: sent → readable by a read_committed consumer",
    ]
    assert content["kafka4"]["latency"] == content["latency"]


def test_page_judges_the_dashboard() -> None:
    """Viewers must receive all that was written; a missing measurement has its reason."""
    page = render(_content())
    assert "| CPU, % of a core, median (maximum) over 10 s | 20.0 (60.0) | ≤ 50 (missed) |" in page
    assert "| payments received, at the end | 2,999 | 3,000 (missed) |" in page
    assert "| dead letters received, at the end | 3 | 3 |" in page
    assert "| 0.80, 1.20, 1.50 | p99 ≤ 2 |" in page
    assert "| first paint, ms | 900, longest 1,100 | ≤ 1000 |" in page
    content = _content()
    content["dashboard"] |= {"first_paint_ms": []}
    assert "| first paint, ms | not measured: no Chromium |" in render(content)


def test_page_of_some_sections() -> None:
    """Sections that were not run are left out."""
    page = render(results(Measured(replicas={1: [100.0], 2: [150.0]}), MACHINE, RUN))
    assert "## Replicas" in page
    assert "## Throughput" not in page


def test_page_of_the_committed_results() -> None:
    """The page is generated from the results alone."""
    content = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    assert render(content) == (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")


def test_sections_measured_later_leave_the_others_as_they_are() -> None:
    """A later section has its date and what differed then; measured again, it replaces only itself."""
    previous = _content()
    metrics = {name: [Run(Pace(100.0, 0.01), 1_000_000, 100.0)] for name in METRICS}
    new = results(Measured(metrics=metrics), MACHINE | {"kafka": "4"}, RUN)
    content = merge(previous, new, "2026-12-01")
    assert content["throughput"] == previous["throughput"]
    assert content["ratios"] == previous["ratios"] | {"with_vs_without_metrics_default": 1.0}
    assert "Sections of later runs:\n- `metrics`: 2026-12-01, kafka 4\n" in render(content)
    again = merge(content, results(Measured(replicas={1: [1.0]}), MACHINE, RUN), "2026-12-02")
    assert {section: later["on"] for section, later in again["later"].items()} == {
        "metrics": "2026-12-01",
        "replicas": "2026-12-02",
    }
    assert "- `replicas`: 2026-12-02\n" in render(again)


def _content() -> dict[str, Any]:
    """Return results in which all contenders are equally fast, except the shipped model, which is twice as fast."""
    speeds = {name: 200.0 if name.startswith("scorer_default") else 100.0 for name in ORDER}
    throughput = {name: [Run(Pace(speed, 0.01, 0.02), 500_000, 100.0)] * 2 for name, speed in speeds.items()}
    slower = {name: 50.0 if name == "scorer_hgb_watched" else 100.0 for name in COMPANIONS}
    companions = {name: [Run(Pace(speed, 0.01), 500_000, 100.0)] * 2 for name, speed in slower.items()}
    slowed = {name: 98.0 if name == "scorer_default_with_metrics" else 100.0 for name in METRICS}
    metrics = {name: [Run(Pace(speed, 0.01), 1_000_000, 100.0)] * 4 for name, speed in slowed.items()}
    p99_ms = {"scorer_default": 20.0, "kafka_streams": 80.0, "kafka_streams_10ms": 40.0}
    latency = {
        Case(contender=contender, partitions=partitions, rate_per_s=rate): [
            _paced(p99_ms[contender] * (1.5 if partitions == 24 else 1.0))
        ]
        * 2
        for partitions, contender in LATENCY_ORDER
        for rate in RATES_PER_S
    }
    footprint = Footprint(
        payments=1_000_000, resident_mb_by_tenth=[90.0] * 10, peak_mb=91.0, cpu_s_per_1000=0.007, idle_share=0.002
    )
    measured = Measured(
        throughput=throughput,
        latency=latency,
        companions=companions,
        metrics=metrics,
        swaps={
            swapped: [Waits(swaps=6 * swapped, p50_ms=9.0, p99_ms=30.0, longest_ms=80.0)] for swapped in (False, True)
        },
        replicas={1: [100.0], 2: [150.0]},
        memory=footprint,
        dashboard=_screen(),
        archive={"sqlite": _filled(25_000.0), "postgres": _filled(15_000.0)},
        kafka4=Kafka4(version="4.1.0", rounds=2, latency_s=10.0, throughput=throughput, latency=latency),
    )
    return results(measured, MACHINE, RUN)


def _filled(per_s: float) -> Filled:
    return Filled(
        rows=1_000_000,
        per_s=per_s,
        cpu_s_per_1000=0.03,
        resident_mb_by_tenth=[90.0] * 10,
        peak_mb=91.0,
        bytes_per_row=300.0,
    )


def _screen() -> Screen:
    return Screen(
        viewers=5,
        seconds=300.0,
        rate_per_s=10_000.0,
        idle_cpu_share=0.01,
        idle_mb=70.0,
        cpu_share=0.2,
        cpu_share_most=0.6,
        resident_mb_by_tenth=[90.0] * 10,
        peak_mb=91.0,
        p50_s=0.8,
        p99_s=1.2,
        longest_s=1.5,
        kb_per_s=40.0,
        events_sampled=0,
        payments=3_000,
        payments_received=2_999,
        dead_letters=3,
        dead_letters_received=3,
        first_paint_ms=[800.0, 900.0, 1_100.0],
    )


def _paced(p99_ms: float) -> Paced:
    return Paced(p50_ms=p99_ms / 4, p95_ms=p99_ms / 2, p99_ms=p99_ms, cpu_share=0.17, broker_cpu_share=0.6)
