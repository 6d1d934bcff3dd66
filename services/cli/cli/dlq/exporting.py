"""`dlq export`: the letters as JSON Lines, to standard output or to a file that appears when it is complete."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.dlq.choosing import Choice
from cli.dlq.letterbox import Letterbox
from cli.dlq.lines import export_line
from cli.dlq.listing import listed
from cli.dlq.places import LetterPlace
from cli.output_file import check_output, convert_errors, part_of
from fraudstream.runtime import terminal
from fraudstream.runtime.regular_files import atomic_write


async def export(box: Letterbox, choice: Choice, out: Path | None, *, force: bool, masks: bool) -> int:
    """Write the letters, with or without masks, to `out` or standard output; return their number.

    Raises UnwritableFileError.
    """
    if out is not None:
        check_output(out, force=force)
    index = await box.index()
    places = [entry.place for entry, _ in listed(index, choice)]
    with _written(out) as write:
        async for chunk in box.chunks(places):
            for letter, timestamp_ms in chunk:
                replays = index.replays(LetterPlace(letter.partition, letter.offset))
                write(export_line(letter, timestamp_ms, replays, masks=masks))
                write("\n")
    return len(places)


@contextmanager
def _written(out: Path | None) -> Iterator[Callable[[str], object]]:
    """Yield a function that writes text. A file gets its name at the end; after an exception, it is removed."""
    if out is None:
        with terminal.standard_output():
            yield terminal.write
        return
    with convert_errors(out), atomic_write(out, part=part_of(out)) as file:
        yield lambda text: file.write(text.encode("ascii"))
