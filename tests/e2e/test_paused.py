"""A paused stack continues: after `unpause`, no command waits for the next health check of Kafka."""

import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.e2e.compose import Stack
from tests.integration.broker.deadline import wait_until

COMMAND_S, UP_S = 45, 90  # a command that waits for health takes a minute; a check is due within 15 s


@pytest.fixture
def continued(stack: Stack) -> Iterator[Stack]:
    """Pause the running stack, and let it continue; stop it in the end, as others run beside it."""
    stack.up()
    stack.compose("build", "cli")
    stack.compose("pause")
    assert set(stack.compose("ps", "--services", "--status", "paused").split()) >= {"kafka", "zookeeper", "scorer"}
    stack.compose("unpause")
    yield stack
    stack.compose("stop")


def test_commands_run_at_once_after_a_pause(continued: Stack) -> None:
    """Kafka may still be reported as unhealthy: commands connect to it all the same, and the stack starts soon."""
    began = time.monotonic()
    continued.compose("run", "--rm", "-T", "cli", "topics", timeout_s=COMMAND_S)
    assert time.monotonic() - began < COMMAND_S
    wait_until(lambda: _starts(continued), UP_S, "`up` starts the stack")
    continued.wait_for_rows(continued.rows() + 1, timeout_s=UP_S)


def _starts(stack: Stack) -> bool:
    """Return whether `docker compose up` succeeds; it fails while a service is unhealthy that others depend on."""
    try:
        stack.up("--no-recreate")
    except (RuntimeError, subprocess.TimeoutExpired):
        return False
    return True
