"""An exported file, edited or not: checked line by line before the replay, its values read when they are sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cli.dlq.index import verdict
from cli.dlq.lines import Edit, EditedLine, parse_line
from cli.dlq.places import LetterPlace
from fraudstream.dead_letter import place_text
from fraudstream.errors import FraudstreamError
from fraudstream.payment import PaymentFormat

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EditedFileError(FraudstreamError):
    """An edited file that can't be used; the message names the line. Nothing was sent."""


class Edited:
    """The file's lines by the place of their letter. Raises EditedFileError for an invalid or duplicate line."""

    def __init__(self, path: Path, rules: PaymentFormat) -> None:
        """Read the file; whether its values are payments is found by `rules`."""
        self.path = path
        self.edits: dict[LetterPlace, Edit] = {}
        for number, begin, line in self._lines():
            one = self._read(number, line)
            if earlier := self.edits.get(one.place):
                raise self._wrong(number, f"its dead letter is in line {earlier.number} already")
            found = verdict(one.value, rules)
            self.edits[one.place] = Edit(number, begin, len(one.value or b""), hash(one.value), found)

    def value(self, place: LetterPlace, file: BinaryIO) -> bytes | None:
        """Return the value to send for the letter; `file` is the file from `opened`."""
        edit = self.edits[place]
        file.seek(edit.begin)
        one = self._read(edit.number, file.readline())
        if one.place != place or hash(one.value) != edit.value_hash:
            raise self._wrong(edit.number, "changed while the file was being read; run the replay again")
        return one.value

    def absent(self, place: LetterPlace, topic: str) -> EditedFileError:
        """Return the error for a line that names a letter which does not exist."""
        return self._wrong(self.edits[place].number, f"there is no dead letter at {place_text(topic, *place)}")

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Open the file to read values from. Raises EditedFileError."""
        try:
            with self.path.open("rb") as file:
                yield file
        except OSError as error:
            raise EditedFileError(f"{self.path} can't be read: {error.strerror}") from None

    def _lines(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield number, byte position and content of each line that is not empty."""
        begin = 0
        with self.opened() as file:
            for number, line in enumerate(file, 1):
                mark = len(_BYTE_ORDER_MARK) if number == 1 and line.startswith(_BYTE_ORDER_MARK) else 0
                if line.strip():
                    yield number, begin + mark, line[mark:]
                begin += len(line)

    def _read(self, number: int, line: bytes) -> EditedLine:
        try:
            return parse_line(line)
        except ValueError as error:
            raise self._wrong(number, str(error)) from None

    def _wrong(self, number: int, problem: str) -> EditedFileError:
        return EditedFileError(f"{self.path}, line {number}: {problem}; nothing was sent")
