"""The first step of training: a CSV of payments with known outcomes → matrix and labels, or what is wrong."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fraudstream.cells import number
from fraudstream.errors import TrainingDataError
from fraudstream.features import FEATURES
from fraudstream.model import HIGHEST, LOWEST

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LABEL = "is_fraud"
COLUMNS = (*FEATURES, LABEL)
FEWEST_ROWS = 100
FEWEST_OF_A_CLASS = 10

_WHOLE = ("failed_logins", "transaction_hour", "is_new_device", LABEL)
_RANGES = dict(zip(COLUMNS, zip([*LOWEST, 0.0], [*HIGHEST, 1.0], strict=True), strict=True))
_SHOWN = 40
_HEADER_LINES = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Payments whose outcome is known; `sha256` is that of the file's bytes."""

    matrix: Floats
    """(n, 5), columns as FEATURES."""
    labels: Integers
    """(n,), 1 for fraud."""
    sha256: str


def read(path: Path) -> History:
    """Read and check the whole file. Raises TrainingDataError naming line and column of the first thing wrong.

    Extra columns and blank lines are ignored. In whole-number columns `3.0` counts as 3, and true and false as 1 and 0.
    """
    content = _bytes(path)
    table = _table(path, content)
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        found = ", ".join(str(column)[:_SHOWN] for column in table.columns[:20])
        raise TrainingDataError(f"{path}: column {', '.join(missing)} is missing; the header has: {found}")
    lines = _line_numbers(table)
    filled = (table != "").any(axis=1).to_numpy(dtype=bool)
    table, lines = table[filled], lines[filled]
    columns = [_column(path, name, table[name], lines) for name in COLUMNS]
    labels = columns[-1].astype(np.int64)
    _check_amounts(path, labels)
    return History(matrix=np.column_stack(columns[:-1]), labels=labels, sha256=hashlib.sha256(content).hexdigest())


def _bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise TrainingDataError(f"{path}: no such file; set TRAINING_DATA, or make a sample with: make data") from None
    except OSError as error:
        raise TrainingDataError(f"{path} can't be read: {error.strerror}") from None
    if not content.strip():
        raise TrainingDataError(f"{path}: the file is empty; line 1 must name the columns {', '.join(COLUMNS)}")
    return content


def _table(path: Path, content: bytes) -> pd.DataFrame:
    """Every cell as text; each line of the file is a row, so that lines can be named."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a first row longer than the header
            return pd.read_csv(
                io.BytesIO(content),
                dtype=str,
                na_filter=False,
                skip_blank_lines=False,
                index_col=False,
                encoding="utf-8-sig",
                low_memory=False,
            )
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TrainingDataError(f"{path}: the file is not UTF-8 (byte {error.start}, about line {line})") from None
    except pd.errors.ParserWarning:
        raise TrainingDataError(f"{path}: a line has more fields than the header") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise TrainingDataError(f"{path} is no CSV: {reason}") from None


def _line_numbers(table: pd.DataFrame) -> Integers:
    """The line of the file that each row starts on; a quoted cell of several lines moves those after it."""
    extra = np.zeros(len(table), dtype=np.int64)
    for name in table.columns:
        if name not in COLUMNS:
            extra += table[name].str.count("\n").to_numpy(dtype=np.int64)
    earlier = np.cumsum(extra) - extra
    return np.arange(len(table), dtype=np.int64) + _HEADER_LINES + 1 + earlier


def _column(path: Path, name: str, texts: "pd.Series[str]", lines: Integers) -> Floats:
    codes, distinct = pd.factorize(texts)
    numbers = [number(str(text), whole=name in _WHOLE) for text in distinct]
    parsed = np.array([np.nan if one is None else one for one in numbers], dtype=np.float64)
    problems = np.array([_problem(name, value) for value in parsed], dtype=object)
    wrong = np.flatnonzero(problems[codes] != "") if len(codes) else codes
    if len(wrong):
        first = int(wrong[0])
        text = str(texts.iloc[first])
        shown = repr(text[:_SHOWN]) if text else "an empty cell"
        others = f" (and {len(wrong) - 1:,} more in this column)" if len(wrong) > 1 else ""
        raise TrainingDataError(f"{path}, line {lines[first]}, column {name}: {shown} {problems[codes[first]]}{others}")
    return parsed[codes]


def _problem(name: str, value: float) -> str:
    lowest, highest = _RANGES[name]
    if np.isnan(value):
        return "is no number"
    if name == LABEL and value not in {0.0, 1.0}:
        return "is neither 0 nor 1"
    if name in _WHOLE and not value.is_integer():
        return "is no whole number"
    if not lowest <= value <= highest:
        return (
            f"is out of range (above 0 to {highest:g})" if name == "amount" else f"is out of range (0 to {highest:g})"
        )
    return ""


def _check_amounts(path: Path, labels: Integers) -> None:
    rows, frauds = len(labels), int(labels.sum())
    if rows < FEWEST_ROWS:
        raise TrainingDataError(f"{path}: {rows} payments are too few to learn from; at least {FEWEST_ROWS} are needed")
    for count, words in ((frauds, "fraud (is_fraud = 1)"), (rows - frauds, "legitimate (is_fraud = 0)")):
        if count < FEWEST_OF_A_CLASS:
            raise TrainingDataError(
                f"{path}, column {LABEL}: {count} of {rows:,} payments are {words}; "
                f"at least {FEWEST_OF_A_CLASS} are needed"
            )
