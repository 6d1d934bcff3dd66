"""The page's section on the dashboard. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks import goals
from benchmarks.tables import table

Results = Mapping[str, Any]

_TEXT = """\
Payments scored beforehand by the scorer itself, 5 % of them flagged, with reasons, are written into the scored topic
as a scorer would: what is due every 50 ms, in a transaction; with every thousandth comes a dead letter. Viewers read
what an open page reads, in a process of their own. An idle scorer is asked for its metrics.

Delays are from `scored_at` until a viewer has the event, on one clock; of flagged payments an event carries the newest
50, and these are what is counted. First paint: ten loads in headless Chromium, nothing cached, on the same cores, while
the payments flow and the viewers look; from the start of the navigation until the page shows a number. The board
alone: a process that holds what the page shows, fed on a simulated clock, 36,000,000 payments an hour.

"""


def section(results: Results) -> list[str]:
    """Return the section; nothing if it was not measured."""
    if "dashboard" not in results:
        return []
    found = results["dashboard"]
    flow, told, idle = found["flow"], found["told"], found["idle"]
    tenths, quarters = flow["resident_mb_by_tenth"], found["board_mb_by_quarter"]
    late = (told["p50_s"], told["p99_s"], told["longest_s"])
    never = told["counts_longest_s"] is None
    rows = [
        (
            "CPU, % of a core, median (maximum) over 10 s",
            f"{100 * flow['cpu_share']:.1f} ({100 * flow['cpu_share_most']:.1f})",
            goals.DASHBOARD_CPU.judge(100 * flow["cpu_share_most"]),
        ),
        ("maximum resident memory, MB", f"{flow['peak_mb']:.0f}", goals.DASHBOARD_MEMORY.judge(flow["peak_mb"])),
        (
            "resident at each tenth, MB; maximum of the second half, relative to its start",
            f"{_megabytes(tenths)}; {_growth(tenths[4:]):.2f}",
            goals.DASHBOARD_GROWTH.judge(_growth(tenths[4:])),
        ),
        (
            "flagged payment, scored → received, s: p50, p99, longest",
            ", ".join(f"{delay:.2f}" for delay in late),
            f"p99 {goals.DASHBOARD_DELAY.judge(told['p99_s'])}",
        ),
        (
            "a second's end → its counts are complete, s: longest",
            "some never" if never else f"{told['counts_longest_s']:.2f}",
            "",
        ),
        ("payments received, at the end", *_all_of(told["payments_told"], told["payments"])),
        ("dead letters received, at the end", *_all_of(told["dead_letters_told"], told["dead_letters"])),
        ("events that report skipped payments", *_all_of(told["events_sampled"], 0)),
        ("kB/s for each viewer", f"{told['kb_per_s']:.0f}", ""),
        ("first paint, ms", *_paint(found)),
        ("idle, one viewer: CPU, % of a core; resident, MB", _idle(idle), ""),
        (
            (
                f"a board alone, {found['board_payments']:,} payments: resident at each quarter, MB; "
                "maximum, relative to the first"
            ),
            f"{_megabytes(quarters)}; {_growth(quarters):.2f}",
            goals.DASHBOARD_GROWTH.judge(_growth(quarters)),
        ),
    ]
    heads = (f"{flow['rate_per_s']:,.0f} payments/s, {told['viewers']} viewers, {flow['seconds']:g} s", "", "goal")
    return ["## Dashboard\n" + _TEXT + table(heads, rows)]


def _all_of(told: int, wanted: int) -> tuple[str, str]:
    return f"{told:,}", f"{wanted:,}{'' if told == wanted else ' (missed)'}"


def _paint(found: Results) -> tuple[str, str]:
    times_ms = found["first_paint_ms"]
    if not times_ms:
        return f"not measured: {found['unpainted']}", ""
    middle = median(times_ms)
    return f"{middle:,.0f}, longest {max(times_ms):,.0f}", goals.DASHBOARD_PAINT.judge(middle)


def _idle(idle: Mapping[str, float]) -> str:
    return f"{100 * idle['cpu_share']:.1f}; {idle['resident_mb']:.0f}"


def _megabytes(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)


def _growth(values: Sequence[float]) -> float:
    return max(values) / values[0]
