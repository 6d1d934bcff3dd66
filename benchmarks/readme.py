"""results.json → README.md: what was compared, how, and what came of it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import goals, screen
from benchmarks.progress import WARM_UP
from benchmarks.tables import number, table

Results = Mapping[str, Any]

_WORDS = {
    "scorer_default": "scorer, shipped model",
    "scorer_logistic": "scorer, logistic regression",
    "scorer_hgb": "scorer, gradient boosting (100 trees)",
    "scorer_default_at_least_once": "scorer, shipped model, at least once",
    "scorer_default_bare": "shipped model, alone",
    "scorer_default_watched": "shipped model, reasons and drift",
    "scorer_default_challenged": "shipped model, reasons, drift and a challenger of its kind",
    "scorer_hgb_bare": "boosting, alone",
    "scorer_hgb_watched": "boosting, reasons and drift",
    "scorer_default_with_metrics": "shipped model, metrics",
    "scorer_default_without_metrics": "shipped model, no metrics",
    "scorer_logistic_with_metrics": "logistic regression, metrics",
    "scorer_logistic_without_metrics": "logistic regression, no metrics",
    "ceiling": "ceiling: the same client, bytes forwarded",
    "kafka_streams": "Kafka Streams, logistic regression",
    "kafka_streams_10ms": "Kafka Streams, commit interval 10 ms",
    "quixstreams_hgb": "quixstreams, gradient boosting",
    "quixstreams_logistic": "quixstreams, logistic regression",
    "plain_loop_hgb": "plain loop, gradient boosting",
    "plain_loop_logistic": "plain loop, logistic regression",
}

_HEAD = """\
# Benchmarks
Made by `make bench`; the figures are in `results.json`. One run measures everything side by side: on one real Kafka
broker, on the same payments, in turn and again and again. A ratio is taken between neighbours of the same round, and
its median stands here with the least and the greatest; so it holds where the figures themselves depend on the machine.
"""

_METHOD = """\
## How it is measured
- **One broker**: Kafka {kafka} with ZooKeeper on the same machine as the contender, Kafka's own JVM options (1 GB,
  G1). Topics have one replica, and {partitions} partitions where contenders read a backlog, replicas included; for
  latency as many as the table shows; in the other sections 6. Messages are not compressed.
- **Warmed up**: the broker is a JVM as well; before anything is measured it serves three unmeasured runs, then small
  transactions, ten seconds at each rate of the latency.
- **The same input**: {payments:,} simulated payments, put into a topic once. Each contender reads them from the
  beginning, with a new consumer group, into new output topics.
- **From outside, the same for all**: 50 times a second, the end of the scored topic as a read_committed reader sees it
  (the CSV's rows, where a contender has no topic). The rate is that between {warm_up:.0%} and 100 % of the output. The
  first {warm_up:.0%} are warm-up for all: connecting, joining the group, and what a JVM needs to compile.
- **CPU**: user and system time of the contender's process and of the broker's, over the same part of the output; for
  latency as a share of one core, over the seconds measured. ZooKeeper is not counted; a broker of Kafka 4 is its own
  controller. The broker's share includes the measuring: 50 requests a second, or the latency's sender and reader.
- **Counted**: at the end all committed outputs are read, and must be as many as the payments; for the scorer its CSV's
  rows, too.
- **Slow ones**: quixstreams and the plain loop are stopped after {slow_s} s: their rate is known by then.
- **Latency**: payments are sent one by one on a schedule that waits for nobody; measured is from when one was due until
  a read_committed reader has its score, in one process, on one clock. {latency_s:g} s at each rate, after a burst of
  30,000 payments that warms up both Python and the JVM.

**Who is compared**
| | |
|---|---|
| scorer | this project, one process, `exactly_once`, writing the scored topic and the CSV |
| ceiling | the scorer's own client: the same fetches forwarded in the same transactions; no decoding, model or CSV |
| Kafka Streams | {streams}, Java, `exactly_once_v2`, one thread, Jackson, range checks, \
the same logistic model in plain Java, scored topic, no CSV; default settings (commit interval 100 ms), \
for latency also 10 ms |
| quixstreams | {quixstreams}, exactly once, the same scikit-learn model called for each message, scored topic, no CSV |
| plain loop | kafka-python {kafka_python}, a one-row DataFrame and `predict_proba` for each message, CSV, auto-commit |

All scikit-learn models run in one thread everywhere: with two, one-row predictions of quixstreams and the plain loop
would be up to ten times slower.
"""

_LIMITS = """\
## Limits
- Broker, contender and measuring share {cores} cores. Where the broker is the limit, all that is above it looks alike,
  and replicas add little.
- One broker with one replica on one disk: no network, no second broker to wait for.
- Payments come from a simulation; all are valid.
"""


_LATENCY = "Latency: sent → to be read, committed"

_METRICS = """\
Metrics: all is counted and timed, and two ask for it, one every 2 s, one every 5 s. No metrics: the same scorer with
the counting and timing taken out, and nobody to ask. Twice as many rounds, every second one in the other order, and
twice as many payments.

"""


def render(results: Results) -> str:
    """The whole page; sections that were not run are left out."""
    rates = [
        *_throughput(results, "throughput", "Throughput"),
        *([f"## {_LATENCY}\n" + _latency(results["latency"])] if "latency" in results else []),
        *_throughput(results, "companions", "What reasons, drift and a challenger cost, at 3 % flagged"),
        *_throughput(results, "metrics", "What metrics cost", _METRICS),
        *_swaps(results),
        *_replicas(results),
        *_kafka4(results),
    ]
    parts = [_HEAD, _ratios(results), *rates, *_memory(results), *screen.section(results), *_archive(results)]
    return "\n".join([*parts, _method(results), _machine(results), _limits(results)])


def _ratios(results: Results) -> str:
    rows = []
    for goal in goals.GOALS:
        if goal.name in results["ratios"]:
            value, spread = results["ratios"][goal.name], results["spreads"][goal.name]
            between = f"{number(spread['least'])} to {number(spread['greatest'])}"
            rows.append((f"`{goal.name}`", goal.meaning, number(value), between, goal.judge(value)))
    return "## Ratios\n" + table(("ratio", "of what", "median", "spread", "goal"), rows)


def _throughput(results: Results, section: str, title: str, text: str = "") -> list[str]:
    return [f"## {title}\n" + text + _rates(results[section])] if section in results else []


def _rates(contenders: Mapping[str, Any]) -> str:
    figures = ("per_s", "cpu_ms_per_1000", "broker_cpu_ms_per_1000", "peak_mb")
    rows = [
        (_WORDS[name], *(_figure(found.get(figure)) for figure in figures), f"{found['payments']:,}")
        for name, found in contenders.items()
    ]
    heads = ("", "payments/s", "CPU ms per 1,000", "the broker's", "most memory, MB", "payments")
    return table(heads, rows)


def _latency(cases: Sequence[Mapping[str, Any]]) -> str:
    figures = ("p50_ms", "p95_ms", "p99_ms", "cpu_percent", "broker_cpu_percent")
    rows = [
        (
            f"{found['rate_per_s']:,}",
            str(found["partitions"]),
            _WORDS[found["contender"]],
            *(_figure(found.get(figure)) for figure in figures),
        )
        for found in sorted(cases, key=lambda found: (found["rate_per_s"], found["partitions"]))
    ]
    heads = ("payments/s", "partitions", "", "p50, ms", "p95, ms", "p99, ms", "CPU, % of a core", "the broker's")
    return table(heads, rows)


def _kafka4(results: Results) -> list[str]:
    if "kafka4" not in results:
        return []
    found = results["kafka4"]
    text = (
        f"Kafka {found['version']}, a broker of its own that is its own controller, warmed up likewise; "
        f"{found['rounds']} rounds of each,\n{found['latency_s']:g} s at each rate of the latency.\n\n"
    )
    parts = ["### Throughput\n" + _rates(found["throughput"]), f"### {_LATENCY}\n" + _latency(found["latency"])]
    return ["## The same on Kafka 4\n" + text + "\n".join(parts)]


def _swaps(results: Results) -> list[str]:
    if "swaps" not in results:
        return []
    rows = [
        (
            f"{found['swaps']} swaps" if found["swaps"] else "no swap",
            *(_figure(found[name]) for name in ("p50_ms", "p99_ms", "longest_ms")),
        )
        for found in results["swaps"]
    ]
    text = (
        f"{results['swaps'][0]['rate_per_s']:,} payments/s, the shipped model and boosting in turn; none lost, none "
        "twice.\n\n"
    )
    return ["## Models swapped under load\n" + text + table(("", "p50, ms", "p99, ms", "longest wait, ms"), rows)]


def _replicas(results: Results) -> list[str]:
    if "replicas" not in results:
        return []
    one = results["replicas"]["1"]["median"]
    rows = [(count, _figure(found), f"{found['median'] / one:.2f}") for count, found in results["replicas"].items()]
    text = (
        "Scorers that share a backlog, 4 partitions and one CSV; it appears at once, when all of them are ready.\n"
        f"With {results['machine']['cores']} cores for scorers and broker together, the processors are the limit.\n\n"
    )
    return ["## Replicas\n" + text + table(("replicas", "payments/s, together", "of one"), rows)]


def _memory(results: Results) -> list[str]:
    if "memory" not in results:
        return []
    found = results["memory"]
    tenths = ", ".join(f"{value:.0f}" for value in found["resident_mb_by_tenth"])
    rows = [
        ("most resident memory", f"{found['peak_mb']:.0f} MB (goal: ≤ {goals.MOST_MEMORY_MB} MB, flat)"),
        ("resident at each tenth of the backlog", f"{tenths} MB"),
        ("CPU for 1,000 payments", f"{1_000 * found['cpu_s_per_1000']:.1f} ms"),
        ("CPU when idle", f"{100 * found['idle_share']:.1f} % of a core"),
    ]
    heads = (f"one scorer, shipped model, 6 partitions, a backlog of {found['payments']:,} payments", "")
    return ["## Memory and CPU\n" + table(heads, rows)]


def _archive(results: Results) -> list[str]:
    if "archive" not in results:
        return []
    rows = [
        (
            {"sqlite": "SQLite", "postgres": "Postgres"}[kind],
            f"{number(found['per_s'])} ({goals.ARCHIVE_PACE.judge(found['per_s'])})",
            f"{1_000 * found['cpu_s_per_1000']:.1f}",
            f"{found['peak_mb']:.0f} ({goals.ARCHIVE_MEMORY.judge(found['peak_mb'])})",
            ", ".join(f"{value:.0f}" for value in found["resident_mb_by_tenth"]),
        )
        for kind, found in results["archive"].items()
    ]
    count = next(iter(results["archive"].values()))["rows"]
    text = f"One archiver, a backlog of {count:,} scored payments, 6 partitions; the databases sync every commit.\n\n"
    heads = ("", "rows/s", "CPU ms per 1,000", "most memory, MB", "resident at each tenth, MB")
    return ["## Archive\n" + text + table(heads, rows)]


def _method(results: Results) -> str:
    machine, run = results["machine"], results["run"]
    return _METHOD.format(
        kafka=machine["kafka"],
        streams=machine["kafka-streams"],
        quixstreams=machine["quixstreams"],
        kafka_python=machine["kafka-python"],
        warm_up=WARM_UP,
        **run,
    )


def _machine(results: Results) -> str:
    rows = [(name.replace("_", " "), str(value)) for name, value in results["machine"].items()]
    run = results["run"]
    text = f"{run['repeats']} rounds of throughput, {run['latency_repeats']} of latency and replicas.\n\n"
    return "## The machine and the versions\n" + text + _later(results) + table(("", ""), rows)


def _later(results: Results) -> str:
    """Which sections are not of the same run as the others, and what was another there."""
    lines = []
    for section, later in results.get("later", {}).items():
        usual, there = ({**of["run"], **of["machine"]} for of in (results, later))
        others = [f"{name.replace('_', ' ')} {there[name]}" for name in there if there[name] != usual.get(name)]
        lines.append(f"- `{section}`: {', '.join([later['on'], *others])}\n")
    return "".join(["Measured later, when the others were not measured again:\n", *lines, "\n"]) if lines else ""


def _limits(results: Results) -> str:
    return _LIMITS.format(cores=results["machine"]["cores"])


def _figure(spread: Mapping[str, float] | None) -> str:
    """The spread; a section that was kept from a run before this figure existed has none."""
    if spread is None:
        return "not measured"
    return f"{number(spread['median'])} ({number(spread['least'])} to {number(spread['greatest'])})"
