"""Command-line options of the subcommand `archive`."""

import argparse
from pathlib import Path

from cli.argument_types import moment, positive
from fraudstream.payment import DECISIONS

_VIEWS = {
    "hourly": ("list the latest hours: payments, flagged ones, amounts", 24),
    "top": ("list the largest blocked payments", 20),
    "models": ("compare the models, and champions with their challengers", 20),
    "letters": ("list the latest dead letters that were never replayed", 20),
}
"""Help and default number of rows of each view."""
_FORMATS = ("table", "csv", "json")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their options."""
    what = parser.add_subparsers(dest="what", required=True, metavar="what")
    for name, (text, rows) in _VIEWS.items():
        view = what.add_parser(name, help=text, description=text)
        view.add_argument(
            "--limit", type=positive, default=rows, metavar="N", help=f"print at most N rows (default: {rows})"
        )
        view.add_argument(
            "--format",
            choices=_FORMATS,
            default="table",
            help="table (default), csv, or json: one object per line",
        )
    text = "write payments as CSV, in the order in which they were scored"
    _add_export(what.add_parser("export", help=text, description=text))


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        help="scored from this time on: 2026-09-21T14:00:00Z, or an age: 30m, 2h, 3d",
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help="scored before this time")
    parser.add_argument(
        "--decision",
        action="append",
        choices=DECISIONS,
        help="only payments with this decision; can be repeated",
    )
    parser.add_argument("--out", "--output", type=Path, metavar="FILE", help="output file (default: standard output)")
    parser.add_argument("--force", action="store_true", help="overwrite the file if it exists")
