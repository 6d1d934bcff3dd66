"""Tools that a test needs and that this machine may lack."""

import os
from typing import NoReturn

import pytest


def skip(reason: str) -> NoReturn:
    """Skip the test for this reason; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}; in CI this is a failure")
    pytest.skip(reason)
