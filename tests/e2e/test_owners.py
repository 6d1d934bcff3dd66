"""Clones with other owners: the services can write, and the owner can read and delete their files."""

import os
import subprocess
import urllib.request
from contextlib import suppress

import pytest

from tests.e2e.conftest import MakeStack
from tests.integration.broker.deadline import wait_until

OWNER = 4321


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a clone to another user")
def test_a_clone_of_another_user_with_a_private_umask(make_stack: MakeStack) -> None:
    """In a clone of another uid with umask 077, payments are scored; that user reads and deletes the output files."""
    stack = make_stack(owner=OWNER, umask=0o077)
    stack.up()
    stack.wait_for_rows(1, timeout_s=45)
    written = ("outputs", "models")
    for name in written:
        folder = stack.folder / name
        assert folder.stat().st_uid == OWNER
        assert folder.stat().st_mode & 0o7777 == 0o2775
    _as_owner("cat", str(stack.csv), str(stack.folder / "models" / "fraud_model.json"))
    stack.up("postgres", "--wait", profile="postgres")  # its script must be readable for another user
    assert stack.psql("SELECT current_user", "fraudstream") == "fraudstream"
    stack.up("prometheus", profile="monitoring")
    wait_until(lambda: _answers(stack.prometheus), 30, "Prometheus has read its configuration")
    stack.compose("--profile", "*", "stop")
    for name in written:
        _as_owner("find", str(stack.folder / name), "-mindepth", "1", "-delete")
        assert list((stack.folder / name).iterdir()) == []


def _answers(prometheus: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{prometheus}/-/ready", timeout=5):  # noqa: S310 - our own http URL
        return True
    return False


def _as_owner(*command: str) -> None:
    """Run the command as the clone's owner, without other rights; CalledProcessError if it is not permitted."""
    subprocess.run(command, user=OWNER, group=OWNER, extra_groups=[], capture_output=True, check=True)
