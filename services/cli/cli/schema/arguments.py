"""Arguments of `fraudstream schema`."""

import argparse
from pathlib import Path

from cli.argument_types import positive

LATEST = 100_000
"""Default number of the latest messages read of each partition."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their options."""
    what = parser.add_subparsers(dest="what", required=True, metavar="what")
    infer = what.add_parser("infer", help="write a payment.toml for the payments of a file or a topic, to be edited")
    _add_source(infer)
    infer.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: standard output)")
    infer.add_argument("--force", action="store_true", help="overwrite the file if it exists")
    check = what.add_parser("check", help="check payments of a file or a topic: which would be dead letters, and why")
    _add_source(check)
    check.add_argument(
        "--schema",
        type=Path,
        metavar="FILE",
        help="the schema (default: PAYMENT_SCHEMA, or data/payment.toml)",
    )


def _add_source(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "file", type=Path, nargs="?", metavar="PAYMENTS", help="a CSV (.csv) or JSON Lines (.jsonl, .ndjson) file"
    )
    source.add_argument("--topic", metavar="NAME", help="a topic with JSON messages; no group is joined")
    parser.add_argument(
        "--last",
        type=positive,
        default=LATEST,
        metavar="N",
        help=f"number of the latest messages of each partition of the topic (default: {LATEST:,})",
    )
