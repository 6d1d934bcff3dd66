"""What can be said after `fraudstream dlq`, and what of it chooses letters."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cli.dlq.choosing import Choice, LetterPlace, moment_ms
from fraudstream.payment import REASONS

LATEST = 20
"""So many letters are listed one by one, unless told otherwise."""
_DIGITS = 9

T = TypeVar("T")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their options."""
    what = parser.add_subparsers(dest="what", required=True, metavar="what")
    listing = what.add_parser("list", help="how many there are and why, and the latest of them")
    _add_choice(listing, "all")
    listing.add_argument("--last", type=_count, metavar="N", help=f"show so many ({LATEST}; with --json all)")
    listing.add_argument("--json", action="store_true", help="a JSON object a line")
    show = what.add_parser("show", help="everything of one letter")
    show.add_argument("place", type=_read(LetterPlace.parse), metavar="PARTITION/OFFSET", help="as list shows it")
    export = what.add_parser("export", help="letters as JSON Lines, to look at or to mend")
    _add_choice(export, "open")
    _add_places(export)
    export.add_argument("--out", type=Path, metavar="FILE", help="into this file instead of standard output")
    export.add_argument("--force", action="store_true", help="replace the file if it is there")
    replay = what.add_parser("replay", help="send letters back to the input, unchanged or mended")
    _add_choice(replay, "open")
    _add_places(replay)
    replay.add_argument(
        "--from", type=Path, dest="file", metavar="FILE", help="an export: its letters, with its values"
    )
    replay.add_argument("--again", action="store_true", help="also letters that were replayed before")
    replay.add_argument("--limit", type=_count, metavar="N", help="at most so many letters, the oldest first")
    replay.add_argument("--yes", action="store_true", help="do not ask")


def choice(arguments: argparse.Namespace) -> Choice:
    """Which letters are meant."""
    return Choice(
        status=arguments.status,
        reasons=frozenset(arguments.reason or ()),
        partitions=frozenset(arguments.partition or ()),
        places=frozenset(getattr(arguments, "places", ())),
        since_ms=arguments.since,
        until_ms=arguments.until,
    )


def _add_choice(parser: argparse.ArgumentParser, status: str) -> None:
    moment = _read(lambda text: moment_ms(text, int(1_000 * time.time())))
    parser.add_argument("--reason", action="append", choices=REASONS, metavar="REASON", help=", ".join(REASONS))
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help="2026-09-21T14:00:00Z, or so long ago: 30m, 2h, 3d"
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help="before that time")
    parser.add_argument("--partition", action="append", type=_count, metavar="N", help="may be given several times")
    which = parser.add_mutually_exclusive_group()
    for name, words in (("open", "not replayed"), ("replayed", "replayed"), ("all", "both")):
        default = " (the default)" if name == status else ""
        which.add_argument(f"--{name}", action="store_const", dest="status", const=name, help=f"{words}{default}")
    parser.set_defaults(status=status)


def _add_places(parser: argparse.ArgumentParser) -> None:
    place = _read(LetterPlace.parse)
    parser.add_argument("places", nargs="*", type=place, metavar="PARTITION/OFFSET", help="only these letters")


def _read(parse: Callable[[str], T]) -> Callable[[str], T]:
    """`parse`, whose ValueError is told as it is."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise ValueError(f"{text!r} is no whole number, or too large a one")
    return int(text)


_count = _read(_number)
