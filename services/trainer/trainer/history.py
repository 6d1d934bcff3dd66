"""The training history: a file of payments with known outcomes → matrix and labels, or an error naming the row."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

from fraudstream.errors import PaymentFileError, TrainingDataError
from fraudstream.payment_files.reading import opened
from fraudstream.payment_files.rejections import Rejections
from fraudstream.payment_files.rows import LABEL, known_payments
from fraudstream.payment_schema import default_schema

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COLUMNS = (*(one.name for one in default_schema().features), LABEL)
FEWEST_ROWS = 100
FEWEST_OF_A_CLASS = 10

_SCHEMA = known_payments(default_schema())
_VALUES = itemgetter(*COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Payments whose outcome is known; `sha256` is that of the file's bytes."""

    matrix: Floats
    """(n, 5), columns as FEATURES."""
    labels: Integers
    """(n,), 1 for fraud."""
    sha256: str


def read(path: Path, max_rejected: int = 0) -> History:
    """Read the whole file by the rules of docs/tables.md. Raises TrainingDataError.

    Logs the detected format and the first ten rejected rows; more than `max_rejected` rejected rows are an error.
    """
    rejections = Rejections(path, structlog.get_logger())
    try:
        table = np.concatenate([np.empty((0, len(COLUMNS))), *_parts(path, rejections)])
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except PaymentFileError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            hint = "set TRAINING_DATA, or create a sample with: make data"
            raise TrainingDataError(f"{path}: no such file; {hint}") from None
        raise TrainingDataError(str(error)) from None
    _check_rejected(path, rejections, max_rejected)
    labels = table[:, -1].astype(np.int64)
    _check_amounts(path, labels)
    return History(matrix=np.ascontiguousarray(table[:, :-1]), labels=labels, sha256=sha256)


def _parts(path: Path, rejections: Rejections) -> Iterator[Floats]:
    with opened(path, _SCHEMA) as table:
        structlog.get_logger().info("file format", file=str(path), **table.detected)
        for batch in table.batches:
            rejections.add(batch.rejected)
            if batch.rows:
                yield np.array([_VALUES(row) for row in batch.rows], dtype=np.float64)
    rejections.finish()


def _check_rejected(path: Path, rejections: Rejections, most: int) -> None:
    if rejections.count > most:
        others = f" (and {rejections.count - 1:,} more rows)" if rejections.count > 1 else ""
        raise TrainingDataError(
            f"{path}, {rejections.first}{others}; correct the file, or set MAX_REJECTED_ROWS={rejections.count} "
            "to train without them"
        )


def _check_amounts(path: Path, labels: Integers) -> None:
    rows, frauds = len(labels), int(labels.sum())
    if rows < FEWEST_ROWS:
        raise TrainingDataError(f"{path}: {rows} payments are too few to learn from; at least {FEWEST_ROWS} are needed")
    for count, outcome in ((frauds, "fraud (is_fraud = 1)"), (rows - frauds, "legitimate (is_fraud = 0)")):
        if count < FEWEST_OF_A_CLASS:
            raise TrainingDataError(
                f"{path}, column {LABEL}: {count} of {rows:,} payments are {outcome}; "
                f"at least {FEWEST_OF_A_CLASS} are needed"
            )
