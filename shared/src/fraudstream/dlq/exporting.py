"""`dlq export`: the letters as JSON Lines, to standard output or into a file that appears when it is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from fraudstream.dlq.choosing import Choice, LetterPlace
from fraudstream.dlq.letterbox import Letterbox
from fraudstream.dlq.lines import export_line
from fraudstream.dlq.listing import listed
from fraudstream.dlq.output import standard_output
from fraudstream.errors import FraudstreamError


class ExportError(FraudstreamError):
    """The file can't be written there; nothing was."""


async def export(box: Letterbox, choice: Choice, out: Path | None, *, force: bool) -> int:
    """How many letters were written; no `out` is standard output. Raises ExportError."""
    if out is not None:
        _check(out, force=force)
    index = await box.index()
    places = [entry.place for entry, _ in listed(index, choice)]
    with _written(out) as file:
        async for chunk in box.chunks(places):
            for letter, timestamp_ms in chunk:
                replays = index.replays(LetterPlace(letter.partition, letter.offset))
                file.write(export_line(letter, timestamp_ms, replays))
                file.write("\n")
    return len(places)


def _check(out: Path, *, force: bool) -> None:
    if out.is_dir():
        raise ExportError(f"{out} is a folder; --out must name a file")
    if out.exists() and not force:
        raise ExportError(f"{out} is there already; --force replaces it, --out names another")


@contextmanager
def _written(out: Path | None) -> Iterator[TextIO]:
    """To write to. A file takes its name in the end; where something is raised, nothing is left of it."""
    if out is None:
        with standard_output() as stdout:
            yield stdout
        return
    part = out.with_name(f".{out.name}.part")
    try:
        try:
            with part.open("w", encoding="ascii", newline="\n") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ExportError(f"{out} can't be written: {error.strerror}") from None
