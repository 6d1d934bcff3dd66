"""`fraudstream skip`: ask the scorer that owns a partition to skip a batch that can't be decoded."""

import argparse
import asyncio
from collections.abc import Mapping

from cli.argument_types import count, offset
from fraudstream.csv_file.skip_requests import SkipRequest, SkipRequests
from fraudstream.errors import FraudstreamError
from fraudstream.runtime import logs, terminal
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.run import wait_for_stop
from fraudstream.runtime.settings import CsvSettings, LogSettings, TopicSettings

_POLL_INTERVAL_S = 0.2


async def run_skip(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> int:
    """Write the request, wait for the answer, return 0. Raises FraudstreamError if it is refused, or on a timeout."""
    logs.configure(LogSettings.from_env(env), "skip")
    request = SkipRequest(topic=arguments.topic, partition=arguments.partition, offset=arguments.offset)
    topic = TopicSettings.from_env(env).input
    if request.topic != topic:
        raise FraudstreamError(
            f"only batches of the scorers' input can be skipped, INPUT_TOPIC={topic}: not {request.topic}"
        )
    requests = SkipRequests(CsvSettings.from_env(env).path)
    requests.leave(request)
    try:
        answer = await _answer(requests, request.partition, arguments.timeout, stop)
    finally:
        requests.withdraw(request.partition)
    if answer is None:
        raise FraudstreamError(
            f"no scorer answered within {arguments.timeout:g} s: no scorer that writes to CSV_PATH is stopped in "
            f"partition {request.partition}, or none is running; the request was withdrawn and nothing was skipped, "
            f"unless a scorer was killed in the meantime: check with {own_command('verify')}"
        )
    if not answer.startswith("skipped"):
        raise FraudstreamError(answer)
    terminal.write(f"{answer}\n")
    return 0


async def _answer(requests: SkipRequests, partition: int, timeout_s: float, stop: asyncio.Event) -> str | None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while loop.time() < deadline_s:
        if answer := requests.answered(partition):
            return answer
        if await wait_for_stop(stop, _POLL_INTERVAL_S):
            break
    return None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument("topic", metavar="TOPIC", help="the topic in the scorer's error message")
    parser.add_argument("partition", metavar="PARTITION", type=count)
    parser.add_argument("offset", metavar="OFFSET", type=offset, help="the offset at which the partition is stopped")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="how long to wait (default: 60)")
