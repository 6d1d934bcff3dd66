"""`fraudstream verify` and `fraudstream rebuild`, as a user runs them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from fraudstream.kafka.group import member_count
from fraudstream.scored_payment import HEADER
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import Surroundings
from tests.integration.service import Service

_END_S = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The exit code and all output."""

    code: int
    output: str


def run(surroundings: Surroundings, *arguments: str, **settings: str) -> Done:
    """Run `fraudstream` with these arguments; it must end without a traceback."""
    with Service(surroundings.folder, "cli", surroundings.settings | settings, *arguments) as service:
        code = service.wait(_END_S)
        assert "Traceback" not in service.output, service.output
        return Done(code=code, output=service.output)


def score(surroundings: Surroundings, **settings: str) -> None:
    """Score until all is committed, then stop."""
    with surroundings.scorer(**settings) as scorer:
        surroundings.wait_until_committed()
        scorer.terminate()
        assert scorer.wait() == 0, scorer.output
        assert "Traceback" not in scorer.output


def assert_well(surroundings: Surroundings, *words: str) -> str:
    """Check that verify finds no problem and prints these words."""
    done = run(surroundings, "verify")
    assert done.code == 0, done.output
    assert "Verified: each of" in done.output
    for word in words:
        assert word in done.output, done.output
    return done.output


def assert_findings(surroundings: Surroundings, *words: str) -> str:
    """Check that verify has these findings, and exits with 1."""
    done = run(surroundings, "verify")
    assert done.code == 1, done.output
    for word in words:
        assert word in done.output, done.output
    return done.output


def rebuild(surroundings: Surroundings, *arguments: str, **settings: str) -> str:
    """Check that rebuild succeeds; return its output."""
    done = run(surroundings, "rebuild", *arguments, **settings)
    assert done.code == 0, done.output
    return done.output


def rows(path: Path) -> list[str]:
    """Return the CSV's lines without its header."""
    header, *rows = path.read_text().splitlines(keepends=True)
    assert header.rstrip() == HEADER
    return rows


def assert_continues(surroundings: Surroundings, count: int) -> None:
    """Score more payments with a scorer that logs no problem; check the promise for all, by both verifiers."""
    surroundings.send_payments(40)
    with surroundings.scorer() as scorer:
        surroundings.wait_until_committed()
        for problem in ("group ahead", "group reset back", "topic recreated", "CSV damaged", "CSV missing"):
            assert not scorer.lines(problem), scorer.output
        scorer.terminate()
        assert scorer.wait() == 0, scorer.output
    assert surroundings.assert_each_once() == count + 40
    done = run(surroundings, "verify")
    assert done.code == 0, done.output
    assert f"each of {count + 40} records" in done.output


def wait_until_empty(surroundings: Surroundings) -> None:
    """Wait until the group has no members: a killed one stays for its session, 15 s."""
    bootstrap, group = surroundings.bootstrap, surroundings.settings["CONSUMER_GROUP"]
    wait_until(lambda: asyncio.run(_member_count(bootstrap, group)) == 0, 30, "the group is empty")


async def _member_count(bootstrap: str, group: str) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return await member_count(admin, group)
    finally:
        await admin.close()
