"""The benchmarks' arithmetic and settings: spreads, ratios, rates."""

import re
from collections.abc import Callable
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
from benchmarks import goals, kafka4
from benchmarks.figures import Spread, percentile, ratio
from benchmarks.job import Bench
from benchmarks.programs.without_metrics import RECORDING
from benchmarks.progress import Pace, Sample, core_shares, cpu_shares, pace, resident_by_tenth, window
from benchmarks.settings import SECTIONS, BenchSettings
from benchmarks.visible import CsvOutput

from fraudstream.errors import SettingsError

ROOT = Path(__file__).parents[2]


def test_ratios_compare_neighbours() -> None:
    """A round in which all contenders were slow counts as much as the others."""
    assert ratio([100.0, 10.0, 90.0], [50.0, 5.0, 30.0]) == Spread(2.0, 2.0, 3.0)


def test_ratios_need_complete_rounds() -> None:
    """Without each run of a round, there is no ratio."""
    with pytest.raises(ValueError, match="argument"):
        ratio([1.0, 2.0], [1.0])


def test_percentiles() -> None:
    """Percentiles use the nearest rank: always one of the values."""
    values = [float(value) for value in range(1, 201)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [100.0, 190.0, 198.0, 200.0]
    assert percentile([7.0], 0.01) == 7.0
    with pytest.raises(ValueError, match="share"):
        percentile(values, 0.0)


def test_pace_between_steps() -> None:
    """Output in two steps: the first one ends the warm-up; waits before it and after the last one don't count."""
    totals = [(0.0, 0), (9.0, 0), (10.0, 300), (11.0, 300), (12.0, 900), (20.0, 900)]
    samples = [Sample(at_s, total, cpu_s=at_s / 2, broker_cpu_s=at_s / 4) for at_s, total in totals]
    assert pace(samples) == Pace(per_s=300.0, cpu_s_per_1000=1_000 / 600, broker_cpu_s_per_1000=500 / 600)
    assert pace(samples, records_per_size=0.5).per_s == 150.0


def test_pace_skips_the_warm_up() -> None:
    """Of ten equal steps, the first two are not measured."""
    samples = [Sample(float(number), 10 * number) for number in range(11)]
    assert [sample.total for sample in window(samples)] == [20, 100]


def test_one_step_has_no_pace() -> None:
    """One point has no pace."""
    with pytest.raises(ValueError, match="in one step"):
        window([Sample(0.0, 0), Sample(1.0, 500)])


def test_resident_by_tenth() -> None:
    """The first sample that reaches each tenth counts."""
    samples = [Sample(float(number), 5 * number, resident_mb=float(number)) for number in range(21)]
    assert resident_by_tenth(samples) == [float(number) for number in range(2, 21, 2)]


def test_cpu_shares() -> None:
    """Shares are taken over each stretch that is long enough; over the whole time if none is."""
    samples = [Sample(float(number), 0, cpu_s=cpu_s) for number, cpu_s in enumerate((0.0, 0.5, 1.0, 1.0, 2.0))]
    assert cpu_shares(samples, 2.0) == [0.5, 0.25, 0.5]
    assert cpu_shares(samples, 10.0) == [0.5]


def test_core_shares() -> None:
    """The shares of the process and of the broker are taken over the same seconds."""
    first, last = Sample(10.0, 0, cpu_s=1.0, broker_cpu_s=5.0), Sample(14.0, 400, cpu_s=2.0, broker_cpu_s=8.0)
    assert core_shares(first, last) == (0.25, 0.75)


def test_csv_rows_are_counted_as_they_come(tmp_path: Path) -> None:
    """The header and an incomplete row don't count; a missing file has no rows."""
    path = tmp_path / "scores.csv"
    output = CsvOutput(path)
    assert output.total() == 0
    path.write_text("header\n1\n2", encoding="utf-8")
    assert output.total() == 1
    with path.open("a", encoding="utf-8") as file:
        file.write("\n3\n")
    assert output.total() == 3


def test_kafka_4_takes_fewer_rounds_and_half_the_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kafka 4 has as many throughput rounds as latency rounds; the rest of the run's configuration is kept."""
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


def test_goals_have_directions() -> None:
    """A rate should be high, a latency low."""
    rate, latency = (next(goal for goal in goals.GOALS if goal.sign == sign) for sign in "≥≤")
    assert rate.is_met(rate.bound)
    assert not rate.is_met(rate.bound - 0.01)
    assert latency.is_met(latency.bound)
    assert not latency.is_met(latency.bound + 0.01)


def test_a_partial_run_replaces_nothing() -> None:
    """Results of a partial run are written elsewhere."""
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
def test_without_metrics_nothing_else_is_removed(owner: type, method: str, nothing: Callable[..., object]) -> None:
    """The replaced functions exist, and are awaited where their replacement is."""
    assert iscoroutinefunction(vars(owner)[method]) == iscoroutinefunction(nothing)


def test_models_fit_the_frameworks_environment() -> None:
    """The environments that make and load the models have the same versions."""
    ours, theirs = (_pins(ROOT / path) for path in ("requirements.lock", "benchmarks/requirements.lock"))
    for package in ("joblib", "numpy", "pandas", "scikit-learn", "scipy", "threadpoolctl"):
        assert ours[package] == theirs[package]


def _pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))
