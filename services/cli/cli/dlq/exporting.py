"""`dlq export`: the letters as JSON Lines, to standard output or to a file that appears when it is complete."""

from pathlib import Path

from cli.dlq.choosing import Choice
from cli.dlq.letterbox import Letterbox
from cli.dlq.lines import export_line
from cli.dlq.listing import listed
from cli.dlq.places import LetterPlace
from cli.output_file import check_output, written


async def export(box: Letterbox, choice: Choice, out: Path | None, *, force: bool, masks: bool) -> int:
    """Write the letters, with or without masks, to `out` or standard output; return their number.

    Raises UnwritableFileError.
    """
    if out is not None:
        check_output(out, force=force)
    index = await box.index()
    places = [entry.place for entry, _ in listed(index, choice)]
    with written(out) as write:
        async for chunk in box.chunks(places):
            for letter, timestamp_ms in chunk:
                replays = index.replays(LetterPlace(letter.partition, letter.offset))
                write(export_line(letter, timestamp_ms, replays, masks=masks))
                write("\n")
    return len(places)
