"""The commands of the README; those of the other documents run beside them."""

from tests.e2e.compose import Stack
from tests.e2e.documents import README, run_document
from tests.e2e.reader import Reader


def test_commands(reader: tuple[Stack, Reader]) -> None:
    """Each command succeeds, and each start of the stack scores payments."""
    run_document(*reader, README)
