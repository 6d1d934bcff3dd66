"""The commands of all documents but the README."""

import pytest

from tests.e2e.compose import Stack
from tests.e2e.documents import BLOCKS, README, run_document
from tests.e2e.reader import Reader


@pytest.mark.parametrize("name", [name for name in BLOCKS if name != README])
def test_commands(reader: tuple[Stack, Reader], name: str) -> None:
    """Each command of the document succeeds, and each start of the stack scores payments."""
    run_document(*reader, name)
