"""`fraudstream verify` and `fraudstream rebuild`, as a user runs them."""

from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from fraudstream.kafka.group import member_count
from tests.integration.broker.deadline import wait_until
from tests.integration.scorer import Surroundings
from tests.integration.topic import administer
from tests.scores import HEADER

_END_S = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The exit code and all output."""

    code: int
    output: str


def run(surroundings: Surroundings, *arguments: str, **settings: str) -> Done:
    """Run `fraudstream` with these arguments; it must end without a traceback."""
    with surroundings.service("cli", *arguments, **settings) as service:
        code = service.wait(_END_S)
        assert "Traceback" not in service.output, service.output
        return Done(code=code, output=service.output)


def succeed(surroundings: Surroundings, *arguments: str, **settings: str) -> str:
    """Run `fraudstream` with these arguments; it must exit with 0. Return its output."""
    done = run(surroundings, *arguments, **settings)
    assert done.code == 0, done.output
    return done.output


def fail(surroundings: Surroundings, *arguments: str, **settings: str) -> str:
    """Run `fraudstream` with these arguments; it must exit with 1. Return its output."""
    done = run(surroundings, *arguments, **settings)
    assert done.code == 1, done.output
    return done.output


def assert_well(surroundings: Surroundings, *words: str) -> str:
    """Check that verify finds no problem and prints these words."""
    output = succeed(surroundings, "verify")
    for word in ("Verified: each of", *words):
        assert word in output, output
    return output


def assert_findings(surroundings: Surroundings, *words: str) -> str:
    """Check that verify has these findings, and exits with 1."""
    output = fail(surroundings, "verify")
    for word in words:
        assert word in output, output
    return output


def rebuild(surroundings: Surroundings, *arguments: str, **settings: str) -> str:
    """Check that rebuild succeeds; return its output."""
    return succeed(surroundings, "rebuild", *arguments, **settings)


def assert_rebuilt_the_same(surroundings: Surroundings) -> None:
    """Check that a rebuild makes the same rows in the same order."""
    before = rows(surroundings.csv)
    rebuild(surroundings, "--force")
    assert rows(surroundings.csv) == before


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
        scorer.stop()
    assert surroundings.assert_each_once() == count + 40
    assert f"each of {count + 40} records" in succeed(surroundings, "verify")


def wait_until_empty(surroundings: Surroundings) -> None:
    """Wait until the group has no members: a killed one stays for its session, 15 s."""

    def members(admin: AIOKafkaAdminClient) -> Awaitable[int]:
        return member_count(admin, surroundings.group)

    wait_until(lambda: administer(surroundings.bootstrap, members) == 0, 60, "the group is empty")
