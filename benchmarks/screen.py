"""The dashboard's figures, and their section of the page. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks import goals
from benchmarks.tables import table

_TEXT = """\
Payments scored beforehand by the scorer itself, 5 % of them flagged, with reasons, are written into the scored topic
as a scorer would: what is due every 50 ms, in a transaction; with every thousandth comes a dead letter. Viewers read
what an open page reads. An idle scorer is asked for its metrics.

Delays are from `scored_at` until a viewer has the event, on one clock; of flagged payments an event carries the newest
50, and these are what is counted. First paint: ten loads in headless Chromium, nothing cached, on the same cores, while
the payments flow and the viewers look; from the start of the navigation until the page shows a number.

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """All figures of the dashboard; CPU in shares of one core, over 10 s each under load."""

    viewers: int
    seconds: float
    rate_per_s: float
    """The measured rate."""
    idle_cpu_share: float
    idle_mb: float
    """With one viewer and no payments."""
    cpu_share: float
    cpu_share_most: float
    resident_mb_by_tenth: Sequence[float]
    peak_mb: float
    p50_s: float
    p99_s: float
    longest_s: float
    """Delays of flagged payments, over all viewers."""
    kb_per_s: float
    """Per viewer."""
    events_sampled: int
    """Events that report skipped payments."""
    payments: int
    payments_received: int
    """At the end, by the viewer that received the fewest."""
    dead_letters: int
    dead_letters_received: int
    first_paint_ms: Sequence[float]
    """One per load; empty without Chromium."""


def section(figures: Mapping[str, Any]) -> str:
    """Return the section."""
    found = Screen(**figures)
    tenths = found.resident_mb_by_tenth
    growth = max(tenths[4:]) / tenths[4]
    rows = [
        (
            "CPU, % of a core, median (maximum) over 10 s",
            f"{100 * found.cpu_share:.1f} ({100 * found.cpu_share_most:.1f})",
            goals.DASHBOARD_CPU.judge(100 * found.cpu_share_most),
        ),
        ("maximum resident memory, MB", f"{found.peak_mb:.0f}", goals.DASHBOARD_MEMORY.judge(found.peak_mb)),
        (
            "resident at each tenth, MB; maximum of the second half, relative to its start",
            f"{', '.join(f'{value:.0f}' for value in tenths)}; {growth:.2f}",
            goals.DASHBOARD_GROWTH.judge(growth),
        ),
        (
            "flagged payment, scored → received, s: p50, p99, longest",
            f"{found.p50_s:.2f}, {found.p99_s:.2f}, {found.longest_s:.2f}",
            f"p99 {goals.DASHBOARD_DELAY.judge(found.p99_s)}",
        ),
        ("payments received, at the end", *_all_of(found.payments_received, found.payments)),
        ("dead letters received, at the end", *_all_of(found.dead_letters_received, found.dead_letters)),
        ("events that report skipped payments", *_all_of(found.events_sampled, 0)),
        ("kB/s for each viewer", f"{found.kb_per_s:.0f}", ""),
        ("first paint, ms", *_paint(found.first_paint_ms)),
        (
            "idle, one viewer: CPU, % of a core; resident, MB",
            f"{100 * found.idle_cpu_share:.1f}; {found.idle_mb:.0f}",
            "",
        ),
    ]
    heads = (f"{found.rate_per_s:,.0f} payments/s, {found.viewers} viewers, {found.seconds:g} s", "", "goal")
    return "## Dashboard\n" + _TEXT + table(heads, rows)


def _paint(times_ms: Sequence[float]) -> tuple[str, str]:
    if not times_ms:
        return "not measured: no Chromium", ""
    usual = median(times_ms)
    return f"{usual:,.0f}, longest {max(times_ms):,.0f}", goals.DASHBOARD_PAINT.judge(usual)


def _all_of(received: int, wanted: int) -> tuple[str, str]:
    return f"{received:,}", f"{wanted:,}{'' if received == wanted else ' (missed)'}"
