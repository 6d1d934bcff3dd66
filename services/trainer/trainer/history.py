"""The training history: a file of payments with known outcomes → matrix and labels, or an error naming the row."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from fraudstream.arrays import Floats, Integers
from fraudstream.errors import PaymentFileError, SchemaError, TrainingDataError
from fraudstream.model.encoding import Encoding
from fraudstream.payment_files.reading import opened
from fraudstream.payment_files.rejections import Rejections
from fraudstream.payment_files.rows import LABEL, Row, known_payments
from fraudstream.payment_schema import PaymentSchema
from trainer.columns import Columns

FEWEST_ROWS = 100
FEWEST_OF_A_CLASS = 10
_SEED = 0
"""Of the sample of a large history."""
_DAY_MS = 86_400_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Payments whose outcome is known: those of a file, or a sample of them, see `columns`."""

    schema: PaymentSchema
    encoding: Encoding
    """The features as numbers, with the levels of this history."""
    matrix: Floats
    """(n, features), encoded."""
    amounts: Floats
    """(n,), NaN where the amount is missing, and everywhere without an amount."""
    labels: Integers
    """(n,), 1 for fraud."""
    frauds: Floats
    """(k, features), frauds of the file that are not in the sample."""
    count: int
    """Payments in the file."""
    sha256: str
    """Hash of the file's bytes."""
    days: float = 0.0
    """Days from the first to the last payment; 0 if their time is not a feature."""

    @property
    def fraud_count(self) -> int:
        """Frauds in the sample and beside it."""
        return int(self.labels.sum()) + len(self.frauds)

    @property
    def has_amounts(self) -> bool:
        """Whether decisions can be by cost: the schema has an amount."""
        return self.schema.amount is not None


def read(path: Path, schema: PaymentSchema, max_rejected: int = 0) -> History:
    """Read the whole file by the rules of docs/tables.md. Raises TrainingDataError.

    Logs the detected format and the first ten rejected rows; more than `max_rejected` rejected rows are an error.
    """
    rejections = Rejections(path, structlog.get_logger())
    try:
        columns = Columns(schema, LABEL, np.random.default_rng(_SEED))
        for rows in _rows(path, schema, rejections):
            columns.add(rows)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except PaymentFileError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            hint = "set TRAINING_DATA, or create a sample with: make data"
            raise TrainingDataError(f"{path}: no such file; {hint}") from None
        raise TrainingDataError(str(error)) from None
    except SchemaError as error:
        raise TrainingDataError(str(error)) from None
    _check_rejected(path, rejections, max_rejected)
    _check_outcomes(path, columns.count, columns.fraud_count)
    encoding, sample, frauds = columns.finish()
    if len(sample.labels) < columns.count:
        structlog.get_logger().info("history sampled", payments=len(sample.labels), frauds_beside=len(frauds.labels))
    return History(
        schema=schema,
        encoding=encoding,
        matrix=sample.matrix,
        amounts=sample.amounts,
        labels=sample.labels,
        frauds=frauds.matrix,
        count=columns.count,
        sha256=sha256,
        days=max(0.0, columns.last - columns.first) / _DAY_MS,
    )


def _rows(path: Path, schema: PaymentSchema, rejections: Rejections) -> Iterator[list[Row]]:
    with opened(path, known_payments(schema)) as table:
        structlog.get_logger().info("file format", file=str(path), **table.detected)
        for batch in table.batches:
            rejections.add(batch.rejected)
            if batch.rows:
                yield [*batch.rows]
    rejections.finish()


def _check_rejected(path: Path, rejections: Rejections, most: int) -> None:
    if rejections.count > most:
        others = f" (and {rejections.count - 1:,} more rows)" if rejections.count > 1 else ""
        raise TrainingDataError(
            f"{path}, {rejections.first}{others}; correct the file, or set MAX_REJECTED_ROWS={rejections.count} "
            "to train without them"
        )


def _check_outcomes(path: Path, rows: int, frauds: int) -> None:
    if rows < FEWEST_ROWS:
        raise TrainingDataError(f"{path}: {rows} payments are too few to learn from; at least {FEWEST_ROWS} are needed")
    for count, outcome in ((frauds, "fraud (is_fraud = 1)"), (rows - frauds, "legitimate (is_fraud = 0)")):
        if count < FEWEST_OF_A_CLASS:
            raise TrainingDataError(
                f"{path}, column {LABEL}: {count} of {rows:,} payments are {outcome}; "
                f"at least {FEWEST_OF_A_CLASS} are needed"
            )
