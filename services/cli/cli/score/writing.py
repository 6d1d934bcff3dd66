"""The output of `fraudstream score`: a CSV of scored rows and one of rejected rows, both complete or neither."""

import csv
import os
from contextlib import ExitStack, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Self

from cli.output_file import convert_errors, part_of
from fraudstream.runtime.regular_files import create_regular

_REJECTED = ("line", "reason", "detail")


def rejected_beside(out: Path) -> Path:
    """Return the path of the rejected rows' file for the output path `out`."""
    return out.with_suffix(".rejected.csv")


class Results:
    """Writer of both files, first under temporary names; `keep` renames them. Without `keep`, they are removed.

    All methods raise UnwritableFileError.
    """

    def __init__(self, out: Path, header_line: bytes) -> None:
        self.rejected = 0
        self.rejected_out = rejected_beside(out)
        self._out, self._header_line = out, header_line
        self._part, self._rejected_part = map(part_of, (out, self.rejected_out))

    def __enter__(self) -> Self:
        with ExitStack() as stack, convert_errors(self._out):
            stack.callback(self._remove_parts)
            self._rows = stack.enter_context(create_regular(self._part))
            rejected = stack.enter_context(create_regular(self._rejected_part))
            text = TextIOWrapper(rejected, encoding="utf-8", errors="backslashreplace", newline="")
            self._rejected = stack.enter_context(text)
            self._table = csv.writer(self._rejected, lineterminator="\n")
            self._rows.write(self._header_line)
            self._table.writerow(_REJECTED)
            self._stack = stack.pop_all()
        return self

    def write(self, rows: bytes) -> None:
        """Append CSV rows."""
        with convert_errors(self._out):
            self._rows.write(rows)

    def reject(self, line: int, reason: str, detail: str) -> None:
        """Append a rejected row."""
        self.rejected += 1
        with convert_errors(self._out):
            self._table.writerow((line, reason, detail))

    def keep(self) -> None:
        """Sync and rename the files; the file of rejected rows only if there are any."""
        with convert_errors(self._out):
            for file in (self._rows, self._rejected):
                file.flush()
                os.fsync(file.fileno())
            self.rejected_out.unlink(missing_ok=True)
            if self.rejected:
                self._rejected_part.replace(self.rejected_out)
            self._part.replace(self._out)

    def __exit__(self, *_: object) -> None:
        # on a full disk, buffered rows can't be flushed on close either
        with suppress(OSError):
            self._stack.close()

    def _remove_parts(self) -> None:
        for part in (self._part, self._rejected_part):
            part.unlink(missing_ok=True)
