"""Table files in many formats, and the three ways in which they are read: training, `score` and producer."""

import argparse
import asyncio
import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from structlog.testing import capture_logs

from cli.score.command import run_score
from fraudstream.errors import FraudstreamError
from fraudstream.payment import InvalidPayment, PaymentFormat
from fraudstream.payment_schema import default_schema
from producer.files import FileSource, check
from producer.identifiers import PaymentIds
from tests.default_payment import ENCODING, FEATURES
from trainer import history

ROWS = 130
NAMES = [*FEATURES, "is_fraud", "merchant"]
PAYMENTS: list[list[Any]] = [
    [f"{10 + 7.25 * n}", f"{n % 10 / 8}", n % 4, n % 24, n % 2, int(n % 3 == 0), "shop"]
    if n % 10 <= 8
    else [f"{n}.5", "0.5", n % 4, n % 24, n % 2, int(n % 3 == 0), "shop"]
    for n in range(ROWS)
]
VALUES = np.array([[float(cell) for cell in row[:5]] for row in PAYMENTS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Results of the three ways for one file: each row's five features, and the rejected lines."""

    trained: np.ndarray
    scored: np.ndarray
    sent: np.ndarray
    rejected: list[tuple[int, str]]
    logged: list[dict[str, object]]


class Reader:
    """Reader of one file in all three ways."""

    def __init__(self, folder: Path, models: Path) -> None:
        self._outputs, self._models = folder / "outputs", models
        self._outputs.mkdir()

    def train(self, path: Path) -> np.ndarray:
        """Return the history's matrix, however many rows are rejected."""
        return history.read(path, default_schema(), 10**9).matrix

    def score(self, path: Path) -> tuple[np.ndarray, list[tuple[int, str]]]:
        """Return the scored payments' features, and the rejected lines with their details."""
        out = self._outputs / "out.csv"
        env = {"MODELS_DIR": str(self._models), "CSV_PATH": str(self._outputs / "live.csv")}
        arguments = argparse.Namespace(file=path, out=out, force=True)
        assert asyncio.run(run_score(env, asyncio.Event(), arguments)) == 0
        structlog.reset_defaults()
        rejected = out.with_suffix(".rejected.csv")
        found = [(int(row["line"]), row["detail"]) for row in table_rows(rejected)] if rejected.exists() else []
        return np.array([[float(row[name]) for name in FEATURES] for row in table_rows(out)]).reshape(-1, 5), found

    def send(self, path: Path) -> np.ndarray:
        """Return the features of the payments that the producer would send."""
        form = PaymentFormat(default_schema())
        source = FileSource(form, path, PaymentIds(1.8e9, 3), structlog.get_logger())
        messages = [message for some in iter(lambda: source.take(1_000, 0), []) for message in some]
        events = form.decode_all([message.value for message in messages])
        return ENCODING.matrix(form.columns([event for event in events if not isinstance(event, InvalidPayment)]))

    def read(self, path: Path) -> Ways:
        """Read the file in all three ways, and expect no error."""
        check(default_schema(), path)
        scored, rejected = self.score(path)
        with capture_logs() as logged:
            trained = self.train(path)
        with capture_logs() as logged_by_producer:
            sent = self.send(path)
        assert _rejected(logged) == _rejected(logged_by_producer) == rejected[:10]
        return Ways(trained=trained, scored=scored, sent=sent, rejected=rejected, logged=[dict(one) for one in logged])

    def refuse(self, path: Path) -> str:
        """Return the message with which all three ways refuse the file."""
        messages: set[str] = set()
        ways: list[Callable[[Path], object]] = [self.train, self.score, self.send, partial(check, default_schema())]
        for way in ways:
            with pytest.raises(FraudstreamError) as caught:
                way(path)
            assert "\n" not in str(caught.value)
            messages.add(str(caught.value).removeprefix("PAYMENTS_FILE: ").replace(", is_fraud", ""))
        assert len(messages) == 1
        return messages.pop()


def table_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _rejected(logged: object) -> list[tuple[int, str]]:
    assert isinstance(logged, list)
    return [(line["line"], line["detail"]) for line in logged if line["event"] == "row rejected"]


def text(
    delimiter: str = ",",
    *,
    mark: str = ".",
    end: str = "\n",
    cell: Callable[[object], str] = str,
    rows: list[list[Any]] | None = None,
    names: list[str] = NAMES,
) -> str:
    """Return a table as text; `cell` formats each cell, and numbers have the given decimal mark."""
    table = [names, *(rows or PAYMENTS)]
    return "".join(delimiter.join(cell(one).replace(".", mark) for one in row) + end for row in table)


def boolean(false: str, true: str) -> str:
    """Return the table with booleans in its columns of 0 and 1."""
    return text(rows=[[*row[:4], (false, true)[int(row[4])], (false, true)[int(row[5])], "x"] for row in PAYMENTS])


def json_lines(end: str = "\n") -> str:
    """Return the table as JSON Lines."""
    rows = [[float(row[0]), float(row[1]), *row[2:]] for row in PAYMENTS]
    return "".join(json.dumps(dict(zip(NAMES, row, strict=True))) + end for row in rows)


def quoted(value: object) -> str:
    """Return the cell in quotes."""
    return f'"{value}"'
