"""Files that a command writes: checked before the work begins, complete under a temporary name before they appear."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fraudstream.errors import FraudstreamError
from fraudstream.runtime import terminal
from fraudstream.runtime.regular_files import atomic_write


class UnwritableFileError(FraudstreamError):
    """An output file that can't be written; nothing was written."""


def check_output(out: Path, *, force: bool) -> None:
    """Raise UnwritableFileError if `out` is a folder, or if it exists and is not to be replaced."""
    if out.is_dir():
        raise UnwritableFileError(f"{out} is a folder; --out must name a file")
    if out.exists() and not force:
        raise UnwritableFileError(f"{out} already exists; use --force to replace it, or --out to name another file")


def part_of(out: Path) -> Path:
    """Return the temporary name, always the same: the next run replaces what a killed one has left."""
    return out.with_name(f".{out.name}.part")


@contextmanager
def convert_errors(out: Path) -> Iterator[None]:
    """Raise UnwritableFileError for an OSError in the block."""
    try:
        yield
    except OSError as error:
        raise UnwritableFileError(f"{out} can't be written: {error.strerror}") from None


@contextmanager
def written(out: Path | None) -> Iterator[Callable[[str], object]]:
    """Yield a function that writes text to the file, or to standard output without one.

    A file gets its name at the end; after an exception, it is removed. Raises UnwritableFileError.
    """
    if out is None:
        with terminal.standard_output():
            yield terminal.write_data
        return
    with convert_errors(out), atomic_write(out, part=part_of(out)) as file:
        yield lambda text: file.write(text.encode())
