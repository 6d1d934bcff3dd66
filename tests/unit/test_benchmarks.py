"""The benchmarks' arithmetic: spreads, ratios, rates, and the page made of them."""

import json
import re
from collections.abc import Callable
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
from benchmarks import goals, kafka4
from benchmarks.archive import Filled
from benchmarks.dashboard import Flow, Idle, Screen, Told
from benchmarks.figures import Spread, percentile, ratio
from benchmarks.job import Bench
from benchmarks.kafka4 import Kafka4
from benchmarks.latency import ORDER as LATENCY_ORDER
from benchmarks.latency import RATES_PER_S, Case, Paced
from benchmarks.memory import Footprint
from benchmarks.programs.without_metrics import RECORDING
from benchmarks.progress import Pace, Sample, core_shares, cpu_shares, pace, resident_by_tenth, window
from benchmarks.readme import render
from benchmarks.results import Measured, added, results
from benchmarks.settings import SECTIONS, BenchSettings
from benchmarks.swaps import Waits
from benchmarks.throughput import COMPANIONS, METRICS, ORDER, Run
from benchmarks.visible import CsvOutput

from fraudstream.errors import SettingsError

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


def test_ratios_compare_neighbours() -> None:
    """A round in which all were slow counts as much as the others."""
    assert ratio([100.0, 10.0, 90.0], [50.0, 5.0, 30.0]) == Spread(2.0, 2.0, 3.0)


def test_ratios_want_whole_rounds() -> None:
    """A missing run is no ratio."""
    with pytest.raises(ValueError, match="argument"):
        ratio([1.0, 2.0], [1.0])


def test_percentiles() -> None:
    """Nearest rank: always one of the values."""
    values = [float(value) for value in range(1, 201)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [100.0, 190.0, 198.0, 200.0]
    assert percentile([7.0], 0.01) == 7.0
    with pytest.raises(ValueError, match="share"):
        percentile(values, 0.0)


def test_pace_between_steps() -> None:
    """Output in two steps: the first one ends the warm-up, the wait before it and after the last don't count."""
    totals = [(0.0, 0), (9.0, 0), (10.0, 300), (11.0, 300), (12.0, 900), (20.0, 900)]
    samples = [Sample(at_s, total, cpu_s=at_s / 2, broker_cpu_s=at_s / 4) for at_s, total in totals]
    assert pace(samples) == Pace(per_s=300.0, cpu_s_per_1000=1_000 / 600, broker_cpu_s_per_1000=500 / 600)
    assert pace(samples, records_per_size=0.5).per_s == 150.0


def test_pace_skips_the_warm_up() -> None:
    """Ten equal steps: the first two are not measured."""
    samples = [Sample(float(number), 10 * number) for number in range(11)]
    assert [sample.total for sample in window(samples)] == [20, 100]


def test_one_step_is_no_pace() -> None:
    """Nothing can be measured between one point."""
    with pytest.raises(ValueError, match="at once"):
        window([Sample(0.0, 0), Sample(1.0, 500)])


def test_resident_by_tenth() -> None:
    """The first sample that reaches each tenth."""
    samples = [Sample(float(number), 5 * number, resident_mb=float(number)) for number in range(21)]
    assert resident_by_tenth(samples) == [float(number) for number in range(2, 21, 2)]


def test_cpu_shares() -> None:
    """Over each stretch that is long enough; over all where none is."""
    samples = [Sample(float(number), 0, cpu_s=cpu_s) for number, cpu_s in enumerate((0.0, 0.5, 1.0, 1.0, 2.0))]
    assert cpu_shares(samples, 2.0) == [0.5, 0.25, 0.5]
    assert cpu_shares(samples, 10.0) == [0.5]


def test_core_shares() -> None:
    """Of the process and of the broker, over the same seconds."""
    first, last = Sample(10.0, 0, cpu_s=1.0, broker_cpu_s=5.0), Sample(14.0, 400, cpu_s=2.0, broker_cpu_s=8.0)
    assert core_shares(first, last) == (0.25, 0.75)


def test_csv_rows_are_counted_as_they_come(tmp_path: Path) -> None:
    """No header, no half row; none where there is no file yet."""
    path = tmp_path / "scores.csv"
    output = CsvOutput(path)
    assert output.total() == 0
    path.write_text("header\n1\n2", encoding="utf-8")
    assert output.total() == 1
    with path.open("a", encoding="utf-8") as file:
        file.write("\n3\n")
    assert output.total() == 3


def test_all_promised_ratios() -> None:
    """Exactly these names, flat, and each with a goal."""
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
    """And says which are missed."""
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
        "## What metrics cost",
        "## Replicas",
        "## Memory",
        "## Dashboard",
        "## Archive",
        "## The same on Kafka 4",
    )
    assert all(heading in page for heading in headings)


def test_page_shows_the_brokers_cpu_beside_the_contenders() -> None:
    """In ms per 1,000 payments for throughput, in percent of a core for latency."""
    page = render(_content())
    assert "| scorer, shipped model | 200 (200 to 200) | 10 (10 to 10) | 20 (20 to 20) | 100 (100 to 100) |" in page
    assert "| 5,000 | 24 | scorer, shipped model | 7.5 (7.5 to 7.5) | 15 (15 to 15) | 30 (30 to 30) |" in page
    assert "| 30 (30 to 30) | 17 (17 to 17) | 60 (60 to 60) |" in page


def test_page_says_which_figure_a_kept_section_lacks() -> None:
    """A section of an older run, kept beside newer ones, has no CPU time of the broker."""
    content = _content()
    for found in (*content["throughput"].values(), *content["latency"]):
        del found["broker_cpu_ms_per_1000" if "per_s" in found else "broker_cpu_percent"]
    page = render(content)
    assert "| scorer, shipped model | 200 (200 to 200) | 10 (10 to 10) | not measured |" in page
    assert "| 17 (17 to 17) | not measured |" in page


def test_page_has_kafka_4_in_the_same_tables() -> None:
    """Below a heading of its own, with its version, rounds and seconds."""
    content = _content()
    usual, _, ours = render(content).partition("## The same on Kafka 4\n")
    ours = ours.partition("\n## ")[0]
    assert ours.startswith("Kafka 4.1.0,")
    assert "2 rounds of each,\n10 s at each rate" in ours
    tables = {text: [line for line in text.splitlines() if line.startswith("| ")] for text in (usual, ours)}
    assert set(tables[ours]) <= set(tables[usual])
    assert [line for line in ours.splitlines() if line.startswith("###")] == [
        "### Throughput",
        "### Latency: sent → to be read, committed",
    ]
    assert content["kafka4"]["latency"] == content["latency"]


def test_kafka_4_takes_fewer_rounds_and_half_the_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As many rounds of throughput as of latency; what else a run is configured with stays."""
    benches = list[Bench]()

    def measure(bench: Bench, *_: object) -> dict[str, Any]:
        benches.append(bench)
        return {}

    monkeypatch.setattr("benchmarks.throughput.measure", measure)
    monkeypatch.setattr("benchmarks.latency.measure", measure)
    settings = BenchSettings.from_env({"BENCH_REPEATS": "5", "BENCH_LATENCY_REPEATS": "2", "BENCH_LATENCY_S": "8"})
    bench = Bench(bootstrap="", broker_pid=1, folder=tmp_path, settings=settings, contenders={})
    found = kafka4.measure(bench)
    assert (found.version[:2], found.rounds, found.latency_s) == ("4.", 2, 4.0)
    assert [(one.settings.repeats, one.settings.latency_repeats, one.settings.latency_s) for one in benches] == [
        (2, 2, 4.0)
    ] * 2
    assert {one.settings.payments for one in benches} == {settings.payments}


def test_page_judges_the_dashboard() -> None:
    """What is told must be all that was written; what could not be measured says why."""
    page = render(_content())
    assert "| CPU, % of a core, median (most) over 10 s | 20.0 (60.0) | ≤ 50 (missed) |" in page
    assert "| payments told, at the end | 2,999 | 3,000 (missed) |" in page
    assert "| dead letters told, at the end | 3 | 3 |" in page
    assert "| 0.80, 1.20, 1.50 | p99 ≤ 2 |" in page
    assert "| first paint, ms | 900, longest 1,100 | ≤ 1000 |" in page
    assert "some never" in page
    content = _content()
    content["dashboard"] |= {"first_paint_ms": [], "unpainted": "no Chromium"}
    assert "| first paint, ms | not measured: no Chromium |" in render(content)


def test_page_of_some_sections() -> None:
    """Sections that were not run are left out."""
    page = render(results(Measured(replicas={1: [100.0], 2: [150.0]}), MACHINE, RUN))
    assert "## Replicas" in page
    assert "## Throughput" not in page


def test_page_of_the_committed_results() -> None:
    """It is made of them, and of nothing else."""
    content = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    assert render(content) == (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")


def test_sections_measured_later_leave_the_others_as_they_are() -> None:
    """They say when it was, and what was another then; once more, they replace themselves alone."""
    former = _content()
    metrics = {name: [Run(Pace(100.0, 0.01), 1_000_000, 100.0)] for name in METRICS}
    new = results(Measured(metrics=metrics), MACHINE | {"kafka": "4"}, RUN)
    content = added(former, new, "2026-12-01")
    assert content["throughput"] == former["throughput"]
    assert content["ratios"] == former["ratios"] | {"with_vs_without_metrics_default": 1.0}
    assert "Measured later, when the others were not measured again:\n- `metrics`: 2026-12-01, kafka 4\n" in render(
        content
    )
    again = added(content, results(Measured(replicas={1: [1.0]}), MACHINE, RUN), "2026-12-02")
    assert {section: later["on"] for section, later in again["later"].items()} == {
        "metrics": "2026-12-01",
        "replicas": "2026-12-02",
    }
    assert "- `replicas`: 2026-12-02\n" in render(again)


def test_goals_have_directions() -> None:
    """A rate should be high, a latency low."""
    rate, latency = (next(goal for goal in goals.GOALS if goal.sign == sign) for sign in "≥≤")
    assert rate.is_met(rate.bound)
    assert not rate.is_met(rate.bound - 0.01)
    assert latency.is_met(latency.bound)
    assert not latency.is_met(latency.bound + 0.01)


def test_a_partial_run_replaces_nothing() -> None:
    """Its figures go elsewhere."""
    assert BenchSettings.from_env({}).sections == list(SECTIONS)
    assert BenchSettings.from_env({}).results_folder == Path("benchmarks")
    assert BenchSettings.from_env({"BENCH_ONLY": "metrics", "BENCH_KEEP": "1"}).results_folder == Path("benchmarks")
    for variables in (
        {"BENCH_PAYMENTS": "50000"},
        {"BENCH_ONLY": "latency, memory"},
        {"BENCH_KEEP": "1", "BENCH_DASHBOARD_S": "10"},
    ):
        assert BenchSettings.from_env(variables).results_folder == Path(".cache/benchmarks")
    with pytest.raises(SettingsError, match="BENCH_ONLY"):
        BenchSettings.from_env({"BENCH_ONLY": "speed"})


@pytest.mark.parametrize(("owner", "method", "nothing"), RECORDING)
def test_without_metrics_nothing_else_is_taken_out(owner: type, method: str, nothing: Callable[..., object]) -> None:
    """What is replaced is there, and is waited for where its replacement is."""
    assert iscoroutinefunction(vars(owner)[method]) == iscoroutinefunction(nothing)


def test_models_fit_the_frameworks_environment() -> None:
    """What makes the models and what loads them elsewhere are the same versions."""
    ours, theirs = (_pins(ROOT / path) for path in ("requirements.lock", "benchmarks/requirements.lock"))
    for package in ("joblib", "numpy", "pandas", "scikit-learn", "scipy", "threadpoolctl"):
        assert ours[package] == theirs[package]


def _pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))


def _content() -> dict[str, Any]:
    """Every contender as fast as the other, but the shipped model, which is twice as fast."""
    speeds = {name: 200.0 if name.startswith("scorer_default") else 100.0 for name in ORDER}
    throughput = {name: [Run(Pace(speed, 0.01, 0.02), 500_000, 100.0)] * 2 for name, speed in speeds.items()}
    slower = {name: 50.0 if name == "scorer_hgb_watched" else 100.0 for name in COMPANIONS}
    companions = {name: [Run(Pace(speed, 0.01), 500_000, 100.0)] * 2 for name, speed in slower.items()}
    hindered = {name: 98.0 if name == "scorer_default_with_metrics" else 100.0 for name in METRICS}
    metrics = {name: [Run(Pace(speed, 0.01), 1_000_000, 100.0)] * 4 for name, speed in hindered.items()}
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
        idle=Idle(cpu_share=0.01, resident_mb=70.0),
        flow=Flow(
            seconds=300.0,
            rate_per_s=10_000.0,
            cpu_share=0.2,
            cpu_share_most=0.6,
            resident_mb_by_tenth=[90.0] * 10,
            peak_mb=91.0,
        ),
        told=Told(
            viewers=5,
            flagged=1_000,
            p50_s=0.8,
            p99_s=1.2,
            longest_s=1.5,
            counts_longest_s=None,
            kb_per_s=40.0,
            events_sampled=0,
            payments=3_000,
            payments_told=2_999,
            dead_letters=3,
            dead_letters_told=3,
        ),
        first_paint_ms=[800.0, 900.0, 1_100.0],
        unpainted="",
        board_payments=36_000_000,
        board_mb_by_quarter=[80.0] * 4,
    )


def _paced(p99_ms: float) -> Paced:
    return Paced(p50_ms=p99_ms / 4, p95_ms=p99_ms / 2, p99_ms=p99_ms, cpu_share=0.17, broker_cpu_share=0.6)
