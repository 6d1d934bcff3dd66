"""Arguments of `fraudstream dlq`, and the selection of letters that they make."""

import argparse
from pathlib import Path
from typing import Literal

from cli.argument_types import count, moment, parsed_by
from cli.dlq.choosing import Choice
from cli.dlq.places import Places
from fraudstream.payment import REASONS

LATEST = 20
"""Default number of letters listed one by one."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their options."""
    what = parser.add_subparsers(dest="what", required=True, metavar="what")
    listing = what.add_parser("list", help="count dead letters by reason, and list the latest")
    _add_choice(listing, "all")
    listing.add_argument(
        "--last", type=count, metavar="N", help=f"number of letters to show (default: {LATEST}; with --json: all)"
    )
    listing.add_argument("--json", action="store_true", help="print one JSON object per line")
    show = what.add_parser("show", help="show letters in full")
    _add_places(show, nargs="+")
    _add_raw(show)
    export = what.add_parser("export", help="export letters as JSON Lines, to inspect or edit")
    _add_choice(export, "open")
    _add_places(export, nargs="*")
    export.add_argument("--out", type=Path, metavar="FILE", help="output file (default: standard output)")
    export.add_argument("--force", action="store_true", help="overwrite the file if it exists")
    _add_raw(export)
    replay = what.add_parser("replay", help="send letters to the input topic again, unchanged or edited")
    _add_choice(replay, "open")
    _add_places(replay, nargs="*")
    replay.add_argument(
        "--from", type=Path, dest="file", metavar="FILE", help="an exported file: replay its letters with its values"
    )
    replay.add_argument("--again", action="store_true", help="include letters that were already replayed")
    replay.add_argument("--limit", type=count, metavar="N", help="replay at most N letters, oldest first")
    replay.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def choice(arguments: argparse.Namespace, topic: str) -> Choice:
    """Return the selection of letters in the dead-letter `topic` made by the parsed arguments."""
    return Choice(
        topic=topic,
        status=arguments.status,
        reasons=frozenset(arguments.reason or ()),
        partitions=frozenset(arguments.partition or ()),
        places=getattr(arguments, "places", ()),
        since_ms=arguments.since,
        until_ms=arguments.until,
    )


def _add_choice(parser: argparse.ArgumentParser, status: str) -> None:
    parser.add_argument(
        "--reason",
        action="append",
        choices=REASONS,
        metavar="REASON",
        help=f"one of {', '.join(REASONS)}; can be repeated",
    )
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help="from this time on: 2026-09-21T14:00:00Z, or an age: 30m, 2h, 3d"
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help="before this time")
    parser.add_argument(
        "--partition", action="append", type=count, metavar="N", help="partition of the letters; can be repeated"
    )
    which = parser.add_mutually_exclusive_group()
    for name, meaning in (("open", "letters not replayed yet"), ("replayed", "replayed letters"), ("all", "both")):
        default = " (default)" if name == status else ""
        which.add_argument(f"--{name}", action="store_const", dest="status", const=name, help=f"{meaning}{default}")
    parser.set_defaults(status=status)


def _add_places(parser: argparse.ArgumentParser, nargs: Literal["*", "+"]) -> None:
    parser.add_argument(
        "places",
        nargs=nargs,
        type=parsed_by(Places.parse),
        metavar="TOPIC/PARTITION/OFFSET",
        help="these letters, by the places of their messages, as printed by list; OFFSET may be ranges: 3-17,20",
    )


def _add_raw(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--raw",
        action="store_true",
        help="with keys, values and headers, which are masked if the payment schema has secret fields",
    )
