"""The command line `fraudstream`: one subcommand a task."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from fraudstream import logs
from fraudstream.lifecycle import run
from fraudstream.settings import KafkaSettings, LogSettings, TopicSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What a subcommand is given."""

    arguments: argparse.Namespace
    env: Mapping[str, str]
    stop: asyncio.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A subcommand. Imports what it needs when it runs, so that one works without the others' extras."""

    help: str
    run: Callable[[Invocation], Awaitable[None]]
    add_arguments: Callable[[argparse.ArgumentParser], None] = lambda _: None


async def _topics(invocation: Invocation) -> None:
    from fraudstream.kafka.topics import ensure_topics

    log = logs.configure(LogSettings.from_env(invocation.env), "topics")
    kafka, topics = KafkaSettings.from_env(invocation.env), TopicSettings.from_env(invocation.env)
    await ensure_topics(kafka, topics, invocation.stop, log)


COMMANDS: Mapping[str, Command] = {
    "topics": Command(help="make the three topics, or raise their partition counts to TOPIC_PARTITIONS", run=_topics),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the subcommand that `arguments` name; settings come from the environment. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="fraudstream", description="Real-time payment-fraud scoring on Kafka.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        command.add_arguments(subparsers.add_parser(name, help=command.help, description=command.help))
    parsed = parser.parse_args(arguments)
    return run(partial(_run, COMMANDS[parsed.command], parsed))


async def _run(command: Command, arguments: argparse.Namespace, stop: asyncio.Event) -> None:
    await command.run(Invocation(arguments=arguments, env=os.environ, stop=stop))


if __name__ == "__main__":
    sys.exit(main())
