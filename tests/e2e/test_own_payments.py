"""From a file of one's own to the first score: the commands of examples/cards/README.md, as they are written."""

import csv
import os
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.e2e.compose import Stack
from tests.e2e.conftest import MakeStack

MOST_S, MOST_COMMANDS = 300, 4


@pytest.fixture
def own(make_stack: MakeStack) -> Iterator[Stack]:
    """Provide a stack of its own, as the commands change its .env."""
    stack = make_stack()
    yield stack
    stack.compose("down", "--volumes", "--timeout", "5")


def test_from_a_file_to_the_first_score(own: Stack) -> None:
    """Four commands, no change of code: the CSV has the file's fields, and tokens for what looks like secrets."""
    text = (own.folder / "examples/cards/README.md").read_text(encoding="utf-8")
    (block, *_) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    commands = block.strip().splitlines()
    assert len(commands) <= MOST_COMMANDS
    assert commands[-1] == "docker compose up --build"
    env = {**os.environ, **own.environment}
    started_s = time.monotonic()
    for command in [*commands[:-1], f"{commands[-1]} --detach"]:
        shell = ["sh", "-c", command]
        done = subprocess.run(
            shell, cwd=own.folder, env=env, capture_output=True, text=True, timeout=MOST_S, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    own.wait_for_rows(1, timeout_s=MOST_S)
    assert time.monotonic() - started_s < MOST_S
    with own.csv.open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert len(row) == 28 + 6
    assert re.fullmatch(r"[0-9a-f-]{36}", row["transaction_id"])
    assert re.fullmatch(r"[0-9a-f]{8}\.[\w-]{24}", row["customer_email"])
    assert row["decision"] in {"approve", "review", "block"}
    assert "Verified: each of" in own.compose("run", "--rm", "-T", "cli", "verify")
