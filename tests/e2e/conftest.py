"""One stack that the Compose tests share; each test starts it as it needs it."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.e2e.clone import clone
from tests.e2e.compose import Stack, why_unavailable
from tests.e2e.documents import prepare_reader
from tests.e2e.reader import Reader
from tests.missing import skip

MakeStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def make_stack() -> Iterator[MakeStack]:
    """Clone this repository, as `make_stack(owner=1234, umask=0o077)`, and build its images."""
    if reason := why_unavailable():
        skip(f"needs a Docker engine with Compose: {reason}")
    with ExitStack() as stacks:

        def make(**clone_options: int) -> Stack:
            folder = Path(stacks.enter_context(TemporaryDirectory(prefix="fraudstream-e2e-")))
            stack = Stack(f"fraudstream-e2e-{uuid.uuid4().hex[:8]}", clone(folder, **clone_options))
            stacks.callback(stack.remove)
            stack.build()
            return stack

        yield make


@pytest.fixture(scope="module")
def reader(make_stack: MakeStack) -> Iterator[tuple[Stack, Reader]]:
    """Provide a clone with a user's own files in data/, and a reader in it."""
    stack = make_stack()
    reader = prepare_reader(stack)
    yield stack, reader
    reader.leave()
    stack.compose("--profile", "*", "down", "--volumes", "--timeout", "5")


@pytest.fixture(scope="session")
def stack(make_stack: MakeStack) -> Stack:
    """Return a clone owned by the current user, with images built and nothing started."""
    return make_stack()
