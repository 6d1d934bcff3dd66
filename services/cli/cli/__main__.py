"""The `fraudstream` command line: one subcommand per task."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

from cli import skip
from cli.archive import arguments as archive
from cli.argument_types import positive
from cli.dlq import arguments as dlq
from cli.erase import arguments as erase
from cli.schema import arguments as schema
from fraudstream.errors import FraudstreamError
from fraudstream.runtime import logs
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.run import run
from fraudstream.runtime.settings import LogSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A subcommand; `run` names a coroutine function of environment, stop event and parsed arguments: its exit code.

    The function's module is imported when the subcommand runs, so that it works without the extras of the others.
    """

    help: str
    run: str
    uses_kafka: bool = True
    add_arguments: Callable[[argparse.ArgumentParser], None] = lambda _: None


def _model_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="what")
    what.add_parser("list", help="list the stored versions; * marks the active one")
    show = what.add_parser("show", help="print the manifest of a version")
    show.add_argument("version", nargs="?", help="version or its first characters (default: the active version)")
    promote = what.add_parser("promote", help="make a stored version the active one")
    promote.add_argument("version", help="version or its first characters")
    challenge = what.add_parser("challenge", help="score with a stored version in shadow mode, beside the active one")
    challenge.add_argument(
        "version", nargs="?", help="version or its first characters; without it, the challenger is removed"
    )
    compare = what.add_parser("compare", help="compare champion and challenger on the payments in the scored topic")
    compare.add_argument(
        "--last", type=positive, default=100_000, help="number of latest payments per partition (default: 100,000)"
    )
    compare.set_defaults(run="cli.audit.commands:run_compare", uses_kafka=True)
    what.add_parser("rollback", help="activate the previous version again")


def _without_csv(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--without-csv",
        action="store_true",
        help="check the topics only: for scorers on several hosts, each with its own CSV",
    )


def _force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="rename a CSV that has rows, instead of refusing")


def _file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a CSV (.csv) or JSON Lines (.jsonl, .ndjson) file")
    parser.add_argument(
        "--out", type=Path, help="the CSV to write (default: NAME.scored.csv in the folder of CSV_PATH)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite the output CSV if it exists")


COMMANDS: Mapping[str, Command] = {
    "model": Command(
        help="list, show, promote, challenge, compare and roll back model versions",
        run="cli.model:run_model",
        uses_kafka=False,
        add_arguments=_model_arguments,
    ),
    "topics": Command(
        help="create the three topics, or increase their partition counts to TOPIC_PARTITIONS",
        run="cli.topics:run_topics",
    ),
    "verify": Command(
        help="check that every record appears exactly once in CSV and topics, and list those that do not",
        run="cli.audit.commands:run_verify",
        add_arguments=_without_csv,
    ),
    "rebuild": Command(
        help="rebuild a lost CSV from the scored topic; scorers must be stopped",
        run="cli.audit.commands:run_rebuild",
        add_arguments=_force,
    ),
    "dlq": Command(
        help="list, show, export and replay dead letters",
        run="cli.dlq.commands:run_dlq",
        add_arguments=dlq.add,
    ),
    "skip": Command(
        help="skip an input batch that can't be decoded and at which a scorer has stopped a partition",
        run="cli.skip:run_skip",
        add_arguments=skip.add_arguments,
    ),
    "erase": Command(
        help="erase payments from archive and CSV, by id or by the key of their records",
        run="cli.erase.command:run_erase",
        add_arguments=erase.add,
    ),
    "archive": Command(
        help="print the archive's views, and export its payments as CSV",
        run="cli.archive.command:run_archive",
        uses_kafka=False,
        add_arguments=archive.add,
    ),
    "schema": Command(
        help="infer a payment.toml from payments, or check payments by it",
        run="cli.schema.commands:run_schema",
        uses_kafka=False,  # unless --topic is given
        add_arguments=schema.add,
    ),
    "score": Command(
        help="score the payments of a CSV or JSON Lines file",
        run="cli.score.command:run_score",
        uses_kafka=False,
        add_arguments=_file,
    ),
}
_ON_ARCHIVE = frozenset({"archive", "erase"})
"""Subcommands on the archive's tables, which belong to the archiver."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the subcommand in `arguments` with settings from the environment; return the exit code."""
    # typer needs a third more lines here, as subcommands can't share options, 0.05 s more to start, and with rich
    # seven more packages in each image
    parser = argparse.ArgumentParser(prog=own_command(), description="Real-time payment-fraud scoring on Kafka.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=command.help, description=command.help)
        subparser.set_defaults(run=command.run, uses_kafka=command.uses_kafka)
        command.add_arguments(subparser)
    parsed = parser.parse_args(arguments)
    logs.configure(LogSettings.from_env({}), parsed.command)
    code = 0

    async def invoke(stop: asyncio.Event) -> None:
        nonlocal code
        if parsed.command in _ON_ARCHIVE and find_spec("archiver") is None:
            wrapper = f"./fraudstream {parsed.command} …"
            raise FraudstreamError(f"{parsed.command} needs the archiver, as in its image: {wrapper}")
        if parsed.uses_kafka:
            resolve_name("fraudstream.kafka.patches:patch_aiokafka")()
        code = await resolve_name(parsed.run)(os.environ, stop, parsed)

    return run(invoke) or code


if __name__ == "__main__":
    sys.exit(main())
