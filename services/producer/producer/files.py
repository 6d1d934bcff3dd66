"""A user's own payments: the rows of a CSV file or the lines of a JSON Lines file, read as they are sent."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import pydantic_core

from fraudstream.errors import FraudstreamError
from fraudstream.events import InvalidPayment, decode
from fraudstream.features import FEATURES
from fraudstream.kafka.partitioning import KeyedMessage
from producer.identifiers import PaymentIds

_ID = "payment_id"
_DECIMALS = ("amount", "country_risk_score")
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LONGEST_LINE = 1 << 20
_MOST_QUOTED = 40

Row = tuple[int, bytes]
"""A payment_id, and the payment as JSON."""


class PaymentsFileError(FraudstreamError):
    """The user's file can't be sent, or not beyond some row; the message names line and column."""


class FileSource:
    """The payments of one file, in order. A row without a payment_id gets one."""

    def __init__(self, path: Path, ids: PaymentIds) -> None:
        self._rows = _reader(path)(path, ids)
        self._problem: PaymentsFileError | None = None

    def take(self, count: int, now_ms: int) -> list[KeyedMessage]:
        """The next `count` rows, none at the end. Raises PaymentsFileError when next called after the last good row."""
        messages: list[KeyedMessage] = []
        if self._problem is None:
            try:
                for payment_id, value in islice(self._rows, count):
                    messages.append(KeyedMessage(b"%d" % payment_id, value, now_ms))
            except PaymentsFileError as problem:
                self._problem = problem
        if self._problem is not None and not messages:
            raise self._problem
        return messages


def check(path: Path) -> None:
    """Raise PaymentsFileError if `path` can't be read at all."""
    _reader(path)
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise PaymentsFileError(f"PAYMENTS_FILE: {path}: {error.strerror}") from None


def _reader(path: Path) -> Callable[[Path, PaymentIds], Iterator[Row]]:
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".ndjson": _json_rows}
    if path.suffix.lower() not in readers:
        raise PaymentsFileError(f"PAYMENTS_FILE: {path}: must end in .csv, .jsonl or .ndjson")
    return readers[path.suffix.lower()]


def _csv_rows(path: Path, ids: PaymentIds) -> Iterator[Row]:
    # what is no UTF-8 becomes surrogates, which no number contains: so the error has its line and column
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file)
        try:
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            for cells in reader:
                if cells:
                    yield _from_csv(f"{path}, line {reader.line_num}", header, cells, ids)
        except csv.Error as error:
            raise PaymentsFileError(f"{path}, line {reader.line_num}: {error}") from None


def _check_header(path: Path, header: Sequence[str]) -> None:
    missing = [name for name in FEATURES if name not in header]
    if missing:
        found = ", ".join(_quoted(name) for name in header) or "nothing"
        raise PaymentsFileError(f"{path}, line 1: no column {', '.join(missing)} (found, between commas: {found})")
    twice = [name for name in (_ID, *FEATURES) if header.count(name) > 1]
    if twice:
        raise PaymentsFileError(f"{path}, line 1: two columns {twice[0]}")


def _from_csv(place: str, header: Sequence[str], cells: Sequence[str], ids: PaymentIds) -> Row:
    if len(cells) != len(header):
        raise PaymentsFileError(f"{place}: {len(cells)} values, but {len(header)} columns")
    row = dict(zip(header, cells, strict=True))
    fields = {name: _number(place, name, row[name].strip()) for name in (_ID, *FEATURES) if name in row}
    return _checked(
        place, json.dumps({_ID: fields.get(_ID) or ids.take(1)[0], **fields}, separators=(",", ":")).encode()
    )


def _number(place: str, column: str, text: str) -> int | float:
    if _WHOLE.fullmatch(text):
        return int(text)
    if column in _DECIMALS and _DECIMAL.fullmatch(text):
        return float(text)
    kind = "number" if column in _DECIMALS else "whole number"
    raise PaymentsFileError(f"{place}, column {column}: {_quoted(text)} is no {kind}")


def _json_rows(path: Path, ids: PaymentIds) -> Iterator[Row]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if len(line) == _LONGEST_LINE:
                raise PaymentsFileError(f"{path}, line {number}: longer than {_LONGEST_LINE} bytes")
            if line.strip():
                yield _from_json(f"{path}, line {number}", line.strip(), ids)


def _from_json(place: str, line: bytes, ids: PaymentIds) -> Row:
    try:
        fields = pydantic_core.from_json(line, allow_inf_nan=False)
    except ValueError as error:
        raise PaymentsFileError(f"{place}: no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise PaymentsFileError(f"{place}: not a JSON object")
    if _ID in fields:
        return _checked(place, line)
    return _checked(place, json.dumps({_ID: ids.take(1)[0], **fields}).encode())


def _checked(place: str, value: bytes) -> Row:
    payment = decode(value)
    if isinstance(payment, InvalidPayment):
        raise PaymentsFileError(f"{place}, column {payment.detail}")
    return payment["payment_id"], value


def _quoted(text: str) -> str:
    # printable ASCII, whatever the file holds
    return ascii(text if len(text) <= _MOST_QUOTED else text[:_MOST_QUOTED] + "…")
