"""`fraudstream skip`: ask the scorer that owns a partition to skip a batch which can't be decoded."""

import argparse
import asyncio
from collections.abc import Mapping

from fraudstream.csv_file.skip_requests import SkipRequest, SkipRequests
from fraudstream.errors import FraudstreamError
from fraudstream.runtime import terminal
from fraudstream.runtime.run import wait_for_stop
from fraudstream.runtime.settings import CsvSettings, TopicSettings

_LOOK_EVERY_S = 0.2


async def run_skip(env: Mapping[str, str], stop: asyncio.Event, arguments: argparse.Namespace) -> None:
    """Leave the request and wait for the answer. Raises FraudstreamError where it is refused or nobody answers."""
    request = SkipRequest(topic=arguments.topic, partition=arguments.partition, offset=arguments.offset)
    topic = TopicSettings.from_env(env).input
    if request.topic != topic:
        raise FraudstreamError(f"only the scorers' input can be skipped, INPUT_TOPIC={topic}: not {request.topic}")
    requests = SkipRequests(CsvSettings.from_env(env).path)
    requests.leave(request)
    try:
        answer = await _answer(requests, request.partition, arguments.timeout, stop)
    finally:
        requests.withdraw(request.partition)
    if answer is None:
        raise FraudstreamError(
            f"no scorer answered within {arguments.timeout:g} s: none that writes to CSV_PATH is stopped in partition "
            f"{request.partition}, or none is running; the request is withdrawn and nothing was skipped, "
            "unless a scorer was killed just now: verify shows it"
        )
    if not answer.startswith("skipped"):
        raise FraudstreamError(answer)
    terminal.write(f"{answer}\n")


async def _answer(requests: SkipRequests, partition: int, timeout_s: float, stop: asyncio.Event) -> str | None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while loop.time() < deadline_s:
        if answer := requests.answered(partition):
            return answer
        if await wait_for_stop(stop, _LOOK_EVERY_S):
            break
    return None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the subcommand takes."""
    parser.add_argument("topic", metavar="TOPIC", help="the topic that the scorer names")
    parser.add_argument("partition", metavar="PARTITION", type=int)
    parser.add_argument("offset", metavar="OFFSET", type=int, help="the offset at which the partition is stopped")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="how long to wait (60)")
