"""Texts of the demo: its first lines, the page's address, and the summary at its end; pure."""

from collections.abc import Mapping
from pathlib import Path

from fraudstream.payment import DECISIONS


def welcome(per_second: float, malformed_rate: float) -> str:
    """Return the first lines; the pace is that of the producer."""
    malformed = f", {100 * malformed_rate:.3g} % of them malformed" if malformed_rate else ""
    return (
        f"Demo of fraudstream: {per_second:.4g} payments per second{malformed}. Ctrl-C ends it.\n"
        "It trains a model if there is none of this history, which takes a few seconds, and starts the services.\n\n"
    )


def page_address(port: int, wanted: int) -> str:
    """Return the lines with the page's address, which are easy to see between the lines of a log."""
    other = f"   (port {wanted} is in use)" if wanted not in {0, port} else ""
    return f"\n>>> the page: http://127.0.0.1:{port}{other}\n\n"


def summary(*, seconds: float, sent: int, decisions: Mapping[str, int], dead: int, csv: Path) -> str:
    """Return the summary; *decisions* counts the rows of the CSV, *sent* and *dead* the records of the topics."""
    scored = sum(decisions.values())
    each = ", ".join(f"{decisions.get(decision, 0)} {decision}" for decision in DECISIONS)
    open_ones = sent - scored - dead
    lines = [
        f"\nThe demo ran for {seconds:.0f} s.",
        f"  sent          {sent:>7}  messages",
        f"  scored        {scored:>7}  payments ({each}): {csv}",
        f"  dead letters  {dead:>7}  messages that are not valid payments",
        *([f"  not scored    {open_ones:>7}  messages that were still on their way"] if open_ones > 0 else []),
        "",
        "The CSV has each payment exactly once. The topics had each at least once, and are gone: the embedded broker",
        "has no transactions, and only memory. On Kafka, exactly once throughout: docker compose up --build",
    ]
    return "\n".join(lines) + "\n"
