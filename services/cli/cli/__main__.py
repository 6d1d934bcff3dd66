"""The `fraudstream` command line: one subcommand per task."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from fraudstream.errors import FraudstreamError
from fraudstream.runtime import logs
from fraudstream.runtime.run import run
from fraudstream.runtime.settings import KafkaSettings, LogSettings, TopicSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Parsed arguments, environment and stop event of a subcommand."""

    arguments: argparse.Namespace
    env: Mapping[str, str]
    stop: asyncio.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A subcommand. Its imports happen when it runs, so that it works without the extras of the others."""

    help: str
    run: Callable[[Invocation], Awaitable[int | None]]
    add_arguments: Callable[[argparse.ArgumentParser], None] = lambda _: None


async def _topics(invocation: Invocation) -> None:
    from fraudstream.kafka.topics import ensure_topics

    log = logs.configure(LogSettings.from_env(invocation.env), "topics")
    kafka, topics = KafkaSettings.from_env(invocation.env), TopicSettings.from_env(invocation.env)
    await ensure_topics(kafka, topics, invocation.stop, log)


async def _verify(invocation: Invocation) -> int:
    from cli.audit.commands import run_verify

    return await run_verify(invocation.env, invocation.stop, invocation.arguments)


async def _rebuild(invocation: Invocation) -> int:
    from cli.audit.commands import run_rebuild

    return await run_rebuild(invocation.env, invocation.stop, invocation.arguments)


async def _model(invocation: Invocation) -> None:
    if invocation.arguments.what == "compare":
        from cli.audit.commands import run_compare

        await run_compare(invocation.env, invocation.stop, invocation.arguments)
    else:
        from cli import model

        model.run(invocation.env, invocation.arguments)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


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
        "--last", type=_positive, default=100_000, help="number of latest payments per partition (default: 100,000)"
    )
    what.add_parser("rollback", help="activate the previous version again")


async def _score(invocation: Invocation) -> int:
    from cli.score.command import run_score

    return await run_score(invocation.env, invocation.stop, invocation.arguments)


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


async def _dlq(invocation: Invocation) -> int:
    from cli.dlq.commands import run_dlq

    return await run_dlq(invocation.env, invocation.stop, invocation.arguments)


def _dlq_arguments(parser: argparse.ArgumentParser) -> None:
    from cli.dlq import arguments

    arguments.add(parser)


async def _skip(invocation: Invocation) -> None:
    from cli.skip import run_skip

    logs.configure(LogSettings.from_env(invocation.env), "skip")
    await run_skip(invocation.env, invocation.stop, invocation.arguments)


def _skip_arguments(parser: argparse.ArgumentParser) -> None:
    from cli import skip

    skip.add_arguments(parser)


async def _erase(invocation: Invocation) -> int:
    if find_spec("archiver") is None:  # the archive's tables belong to the archiver: only its image has this command
        raise FraudstreamError(
            "erase is in the archiver's image: docker compose run --rm erase …; "
            "without Docker, add services/archiver to PYTHONPATH"
        )
    code: int = await import_module("cli.erase.command").run_erase(
        invocation.env, invocation.stop, invocation.arguments
    )
    return code


def _erase_arguments(parser: argparse.ArgumentParser) -> None:
    from cli.erase import arguments

    arguments.add(parser)


COMMANDS: Mapping[str, Command] = {
    "model": Command(
        help="list, show, promote, challenge, compare and roll back model versions",
        run=_model,
        add_arguments=_model_arguments,
    ),
    "topics": Command(
        help="create the three topics, or increase their partition counts to TOPIC_PARTITIONS", run=_topics
    ),
    "verify": Command(
        help="check that every record appears exactly once in CSV and topics, and list those that do not",
        run=_verify,
        add_arguments=_without_csv,
    ),
    "rebuild": Command(
        help="rebuild a lost CSV from the scored topic; scorers must be stopped", run=_rebuild, add_arguments=_force
    ),
    "dlq": Command(
        help="list, show, export and replay dead letters",
        run=_dlq,
        add_arguments=_dlq_arguments,
    ),
    "skip": Command(
        help="skip an input batch that can't be decoded and at which a scorer has stopped a partition",
        run=_skip,
        add_arguments=_skip_arguments,
    ),
    "erase": Command(
        help="erase payments from archive and CSV, by id or by the key of their records",
        run=_erase,
        add_arguments=_erase_arguments,
    ),
    "score": Command(help="score the payments of a CSV or JSON Lines file", run=_score, add_arguments=_file),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the subcommand in `arguments` with settings from the environment; return the exit code."""
    parser = argparse.ArgumentParser(prog="fraudstream", description="Real-time payment-fraud scoring on Kafka.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        command.add_arguments(subparsers.add_parser(name, help=command.help, description=command.help))
    parsed = parser.parse_args(arguments)
    logs.configure(LogSettings.from_env({}), parsed.command)
    results: list[int | None] = []

    async def invoke(stop: asyncio.Event) -> None:
        invocation = Invocation(arguments=parsed, env=os.environ, stop=stop)
        results.append(await COMMANDS[parsed.command].run(invocation))

    return run(invoke) or next(filter(None, results), 0)


if __name__ == "__main__":
    sys.exit(main())
