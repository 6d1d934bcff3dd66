"""A paused stack continues: after `unpause`, no command waits for the next health check of Kafka."""

import subprocess
import time

import pytest

from tests.e2e.compose import Stack
from tests.integration.broker.deadline import wait_until

COMMAND_S, UP_S = 15, 30  # a health check is due within 10 s


@pytest.fixture
def continued(stack: Stack) -> Stack:
    """Pause the running stack, and let it continue."""
    stack.up()
    stack.compose("build", "cli")
    stack.compose("pause")
    assert set(stack.compose("ps", "--services", "--status", "paused").split()) >= {"kafka", "zookeeper", "scorer"}
    stack.compose("unpause")
    return stack


def test_commands_run_at_once_after_a_pause(continued: Stack) -> None:
    """Kafka may still be reported as unhealthy: commands connect to it all the same, and the stack starts soon."""
    began = time.monotonic()
    continued.compose("run", "--rm", "-T", "cli", "topics", timeout_s=COMMAND_S)
    assert time.monotonic() - began < COMMAND_S
    wait_until(lambda: _starts(continued), UP_S, "`up` starts the stack")
    continued.wait_for_rows(continued.rows() + 1, timeout_s=30)


def _starts(stack: Stack) -> bool:
    """Return whether `docker compose up` succeeds; it fails while a service is unhealthy that others depend on."""
    try:
        stack.up("--no-recreate")
    except (RuntimeError, subprocess.TimeoutExpired):
        return False
    return True
