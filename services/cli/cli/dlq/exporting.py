"""`dlq export`: the letters as JSON Lines, to standard output or to a file that appears when it is complete."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.dlq.choosing import Choice, LetterPlace
from cli.dlq.letterbox import Letterbox
from cli.dlq.lines import export_line
from cli.dlq.listing import listed
from fraudstream.errors import FraudstreamError
from fraudstream.runtime import terminal
from fraudstream.runtime.regular_files import atomic_write


class ExportError(FraudstreamError):
    """An export file that can't be written; nothing was written."""


async def export(box: Letterbox, choice: Choice, out: Path | None, *, force: bool) -> int:
    """Write the letters to `out`, or to standard output if it is None; return their number. Raises ExportError."""
    if out is not None:
        _check(out, force=force)
    index = await box.index()
    places = [entry.place for entry, _ in listed(index, choice)]
    with _written(out) as write:
        async for chunk in box.chunks(places):
            for letter, timestamp_ms in chunk:
                replays = index.replays(LetterPlace(letter.partition, letter.offset))
                write(export_line(letter, timestamp_ms, replays))
                write("\n")
    return len(places)


def _check(out: Path, *, force: bool) -> None:
    if out.is_dir():
        raise ExportError(f"{out} is a folder; --out must name a file")
    if out.exists() and not force:
        raise ExportError(f"{out} already exists; use --force to replace it, or --out to name another file")


@contextmanager
def _written(out: Path | None) -> Iterator[Callable[[str], object]]:
    """Yield a function that writes text. A file gets its name at the end; after an exception, it is removed."""
    if out is None:
        with terminal.standard_output():
            yield terminal.write
        return
    try:
        # a fixed name: the next export replaces what a killed one has left
        with atomic_write(out, part=out.with_name(f".{out.name}.part")) as file:
            yield lambda text: file.write(text.encode("ascii"))
    except OSError as error:
        raise ExportError(f"{out} can't be written: {error.strerror}") from None
