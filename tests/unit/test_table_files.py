"""One file read in all three ways: as a history, by `score`, and as PAYMENTS_FILE. The rows are equal."""

import bz2
import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest
from tests.table_files import NAMES, PAYMENTS, VALUES, Reader, boolean, json_lines, quoted, text
from tests.unit.test_artifact import save

from fraudstream.errors import FraudstreamError
from fraudstream.payment_files.opening import CHUNK_BYTES


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a folder with a small model, which no test changes."""
    folder = tmp_path_factory.mktemp("models")
    save(folder)
    return folder


@pytest.fixture
def reader(tmp_path: Path, models: Path) -> Reader:
    """Provide a reader with its outputs in a folder of the test."""
    return Reader(tmp_path, models)


GOOD = {
    "True and False.csv": boolean("False", "True").encode(),
    "true and false.csv": boolean("false", "true").encode(),
    "TRUE and FALSE.csv": boolean("FALSE", "TRUE").encode(),
    "points in whole columns.csv": text(
        rows=[[*row[:2], *(f"{n}.0" for n in row[2:6]), "x"] for row in PAYMENTS]
    ).encode(),
    "spaces around everything.csv": text(cell=lambda value: f"  {value} ").encode(),
    "a space after each comma.csv": text(", ").encode(),
    "spaces around quotes.csv": text(cell=lambda value: f' "{value}"  ').encode(),
    "all cells in quotes.csv": text(cell=quoted).encode(),
    "quotes and commas in a cell.csv": text(rows=[[*row[:6], '"a ""b"", c"'] for row in PAYMENTS]).encode(),
    "blank lines.csv": ("\n \n" + text(end='\n\n  \n,,,,,,\n"",,,,,,\n,\n')).encode(),
    "CRLF.csv": text(end="\r\n").encode(),
    "CR.csv": text(end="\r").encode(),
    "CR CR LF.csv": text(end="\r\r\n").encode(),
    "no line end at the end.csv": text().rstrip("\n").encode(),
    "byte order mark.csv": text().encode("utf-8-sig"),
    "semicolon, decimal comma.csv": text(";", mark=",", end="\r\n").encode("utf-8-sig"),
    "semicolon, decimal point.csv": text(";").encode(),
    "tab, decimal comma.txt": text("\t", mark=",").encode(),
    "tab.tsv": text("\t").encode(),
    "comma, decimal comma in quotes.csv": text(mark=",", cell=quoted).encode(),
    "UTF-16.csv": text("\t", end="\r\n").encode("utf-16"),
    "UTF-16, big-endian.csv": b"\xfe\xff" + text(";", mark=",").encode("utf-16-be"),
    "gzip.csv.gz": gzip.compress(text().encode()),
    "gzip without its name.csv": gzip.compress(text().encode()),
    "gzip in two parts.csv.gz": gzip.compress(text().encode()[:99]) + gzip.compress(text().encode()[99:]),
    "UTF-16 in gzip.csv.gz": gzip.compress(text("\t").encode("utf-16")),
    "a column without a name twice.csv": text(
        names=[*NAMES, "", ""], rows=[[*row, "", ""] for row in PAYMENTS]
    ).encode(),
    "lines.jsonl": json_lines().encode(),
    "blank lines.ndjson": json_lines("\r\n\r\n \n").encode("utf-8-sig"),
    "UTF-16.jsonl": json_lines().encode("utf-16"),
    "gzip.jsonl.gz": gzip.compress(json_lines().encode()),
}


@pytest.mark.parametrize("name", GOOD)
def test_all_rows_are_read(tmp_path: Path, reader: Reader, name: str) -> None:
    """The numbers are equal bit by bit in all three ways."""
    path = tmp_path / name
    path.write_bytes(GOOD[name])
    ways = reader.read(path)
    for found in (ways.trained, ways.scored, ways.sent):
        np.testing.assert_array_equal(found, VALUES)
    assert ways.rejected == []


def test_the_detected_format_is_logged(tmp_path: Path, reader: Reader) -> None:
    """The detected format is one line."""
    path = tmp_path / "some.csv"
    path.write_bytes(gzip.compress(text(";", mark=",").encode("utf-16")))
    (line,) = [one for one in reader.read(path).logged if one["event"] == "file format"]
    assert {name: line[name] for name in ("encoding", "compression", "delimiter", "decimal_mark")} == {
        "encoding": "UTF-16-LE",
        "compression": "gzip",
        "delimiter": "semicolon",
        "decimal_mark": "comma",
    }


LINE = ",".join(str(cell) for cell in PAYMENTS[9])
LONG = "x" * (CHUNK_BYTES // 1_300)
"""A cell that makes 1,300 rows longer than the beginning, which determines the decimal mark."""
BAD = {
    "a quote never closed": ("797.62,0.729,4,19,0,1,\"Joe's", "column merchant: '\"Joe\\'s': a quote is not closed"),
    "a quote in a cell": ("797.62,0.729,4,19,0,1,Joe's\"", "a quote inside an unquoted cell"),
    "text after a quote": ('797.62,0.729,4,19,0,1,"Joe"s', "text after the closing quote"),
    "a NUL byte": ("797.62,0.729,4,19,0,1,\0", "NUL byte"),
    "not UTF-8": ("797.62,0.729,4,19,0,1,\udcff", "byte 23 (0xFF) is not UTF-8"),
    "a cell too many": (LINE + ",", "8 cells, but the header has 7 columns"),
    "a cell too few": (LINE.removesuffix(",shop"), "6 cells, but the header has 7 columns"),
    "decimal commas without quotes": ("797,62,0,729,4,19,0,1,shop", "9 cells"),
    "a line too long": (LINE + "x" * (1 << 20), "longer than 1,048,576 bytes"),
    "a thousands separator": ('"1,234.50",0.7,4,19,0,1,x', "column amount: '1,234.50' has thousands separators"),
    "a thousand in a whole column": ('12,0.7,"1,000",19,0,1,x', "column failed_logins: '1,000' has thousands"),
    "a thousand": ('"1,234",0.7,4,19,0,1,x', "column amount: '1,234' has thousands separators"),
    "another thousands separator": ('"1.234,56",0.7,4,19,0,1,x', "column amount: '1.234,56' has thousands separators"),
    "a space for thousands": ("1 234,0.7,4,19,0,1,x", "column amount: '1 234' has thousands separators"),
    "a no-break space for thousands": ("1\xa0234,0.7,4,19,0,1,x", "column amount: '1\\xa0234' has thousands"),
    "an underscore": ("1_000,0.7,4,19,0,1,x", "column amount: '1_000' has thousands separators"),
    "full-width digits": ("\uff11\uff12,0.7,4,19,0,1,x", "column amount: '\\uff11\\uff12' must be a valid number"),
    "a full-width digit in a whole column": ("12,0.7,\uff14,19,0,1,x", "column failed_logins: '\\uff14' must be"),
    "infinity": ("inf,0.7,4,19,0,1,x", "column amount: 'inf' must be a valid number"),
    "not a number": ("nan,0.7,4,19,0,1,x", "column amount: 'nan' must be a valid number"),
    "beyond all doubles": ("1e400,0.7,4,19,0,1,x", "column amount: '1e400' must be a finite number"),
    "hexadecimal": ("0x10,0.7,4,19,0,1,x", "column amount: '0x10' must be a valid number"),
    "a currency": ("€12,0.7,4,19,0,1,x", "column amount: '\\u20ac12' must be a valid number"),
    "a formula": ("=1+1,0.7,4,19,0,1,x", "column amount: '=1+1' must be a valid number"),
    "nothing": (",0.7,4,19,0,1,x", "column amount: no value"),
    "spaces": ("5,  ,4,19,0,1,x", "column country_risk_score: no value"),
    "half a login": ("5,0.7,4.5,19,0,1,x", "column failed_logins: '4.5' must be a valid integer"),
    "hour 24": ("5,0.7,4,24,0,1,x", "column transaction_hour: '24' must be less than or equal to 23"),
    "a boolean amount": ("true,0.7,4,19,0,1,x", "column amount: 'true' must be a valid number"),
    "the header again": (",".join(NAMES), "column amount: 'amount' must be a valid number"),
    "two mistakes": ("x,y,4,19,0,1,x", "column amount: 'x' must be a valid number; column country_risk_score: 'y'"),
    "an escape": ("\x1b[2J,0.7,4,19,0,1,x", "column amount: '\\x1b[2J' must be a valid number"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_costs_one_row(tmp_path: Path, reader: Reader, name: str) -> None:
    """All three ways report line, column and value, and read the rows around it."""
    line, detail = BAD[name]
    lines = text().splitlines()
    lines[10] = line
    path = tmp_path / "some.csv"
    path.write_bytes("\n".join(lines).encode(errors="surrogateescape"))
    ways = reader.read(path)
    ((number, found),) = ways.rejected
    assert number == 11
    assert detail in found
    assert found.isascii()
    assert found.isprintable()
    for rows in (ways.trained, ways.scored, ways.sent):
        np.testing.assert_array_equal(rows, np.delete(VALUES, 9, axis=0))


def test_two_stray_quotes_cost_two_rows(tmp_path: Path, reader: Reader) -> None:
    """The rows between them are read."""
    lines = text().splitlines()
    lines[10] = lines[10].replace("shop", '"shop')
    lines[60] = lines[60].replace("shop", 'shop"')
    path = tmp_path / "some.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    ways = reader.read(path)
    assert [line for line, _ in ways.rejected] == [11, 61]
    for rows in (ways.trained, ways.scored, ways.sent):
        np.testing.assert_array_equal(rows, np.delete(VALUES, [9, 59], axis=0))


def test_the_first_ten_are_listed(tmp_path: Path, reader: Reader) -> None:
    """All rejected rows are counted."""
    path = tmp_path / "some.csv"
    path.write_text(text() + "x,0,0,0,0,0,0\n" * 25, encoding="utf-8")
    ways = reader.read(path)
    assert len(ways.rejected) == 25
    assert [one["line"] for one in ways.logged if one["event"] == "row rejected"] == list(range(132, 142))
    assert [(one["rows"], one["listed"]) for one in ways.logged if one["event"] == "rows rejected"] == [(25, 10)]


def test_another_decimal_mark_after_the_beginning_rejects_its_row(tmp_path: Path, reader: Reader) -> None:
    """The beginning of the file determines the mark."""
    path = tmp_path / "some.csv"
    good = text(";", mark=",", rows=[[*row[:-1], LONG] for row in PAYMENTS]).partition("\n")[2] * 10
    path.write_text(";".join(NAMES) + "\n" + good + "12.5;0.5;0;0;0;0;x\n1.234,56;0,5;0;0;0;0;x\n", encoding="utf-8")
    ways = reader.read(path)
    assert len(ways.trained) == len(ways.scored) == len(ways.sent) == 1_300
    (first, other) = ways.rejected
    assert first == (
        1_302,
        "column amount: '12.5' has a decimal point, but the file's other numbers have a decimal comma",
    )
    assert other[0] == 1_303
    assert "'1.234,56' has thousands separators" in other[1]


@pytest.mark.parametrize("number", ["1.234", "1,234"])
def test_a_possible_thousand_after_a_beginning_without_marks_rejects_its_row(
    tmp_path: Path, reader: Reader, number: str
) -> None:
    """1.234 is not read as a decimal just because no other number at the beginning has a mark."""
    path = tmp_path / "some.csv"
    good = "".join(f"{n + 1};{n % 2};0;0;0;{n % 2};{LONG}\n" for n in range(1_300))
    path.write_text(f"{';'.join(NAMES)}\n{good}{number};1;0;0;0;0;x\n", encoding="utf-8")
    ways = reader.read(path)
    assert len(ways.trained) == len(ways.scored) == len(ways.sent) == 1_300
    ((line, detail),) = ways.rejected
    assert line == 1_302
    assert detail.startswith(f"column amount: '{number}' may have a decimal mark or a thousands separator")


REFUSED = {
    "empty.csv": (b"", "the file is empty; line 1 must name the columns"),
    "blank.csv": (b"\n \r\n\t\n", "the file is empty"),
    "a column twice.csv": (
        text(names=["amount", "amount", *NAMES[1:-1]]).encode(),
        "line 1: two columns 'amount', numbers 1 and 2",
    ),
    "another column twice.csv": (text(names=[*NAMES, "merchant"]).encode(), "two columns 'merchant', numbers 7 and 8"),
    "no header.csv": (text().partition("\n")[2].encode(), "line 1: no column amount, country_risk_score"),
    "JSON.csv": (b'{"amount":12.5}\n', "line 1: JSON, not a header: the name of a JSON Lines file ends in .jsonl"),
    "compressed twice.csv.gz": (gzip.compress(gzip.compress(text().encode())), "compressed twice: unpack it once"),
    "a column is missing.csv": (text(names=["sum", *NAMES[1:]]).encode(), "line 1: no column amount"),
    "upper case.csv": (
        text(names=["Amount", *NAMES[1:]]).encode(),
        "no column amount (found, with comma as delimiter: 'Amount'",
    ),
    "bars.csv": (text("|").encode(), "no column amount, country_risk_score"),
    "a quote in the header.csv": (text(names=[*NAMES[:-1], '"shop']).encode(), "a quote in the header is not closed"),
    "UTF-16 without a mark.csv": (
        text().encode("utf-16-le"),
        "NUL bytes in the header (UTF-16 without a byte order mark?)",
    ),
    "Latin-1 in the header.csv": (text(names=[*NAMES, "caf\xe9"]).encode("latin-1"), "the header is not UTF-8 (byte"),
    "UTF-32.csv": (text().encode("utf-32"), "is UTF-32 text"),
    "a workbook.csv": (b"PK\x03\x04" + bytes(99), "is a ZIP archive or an Excel workbook"),
    "Parquet.csv": (b"PAR1\x15\x04" + bytes(99), "is a Parquet file"),
    "bzip2.csv": (bz2.compress(text().encode()), "is compressed with bzip2: only gzip is supported"),
    "xz.csv": (lzma.compress(text().encode()), "is compressed with xz: only gzip is supported"),
    "zstd.csv": (b"\x28\xb5\x2f\xfd" + bytes(99), "is compressed with zstd: only gzip is supported"),
    "cut.csv.gz": (gzip.compress(text().encode())[:-9], "is a damaged gzip file"),
    "changed.csv.gz": (gzip.compress(text().encode())[:50] + b"\xff" * 99, "is a damaged gzip file"),
    "mixed marks.csv": (
        (text(";") + text(";", mark=",").split("\n", 1)[1]).encode(),
        "mixes decimal points (line 2, column amount",
    ),
    "one comma.csv": (
        (text(";") + "12,5;0.5;0;0;0;0;x\n").encode(),
        "decimal commas (line 132, column amount: '12,5')",
    ),
    "thousands or decimals.csv": (
        text(";", rows=[["1.234", "1", *row[2:]] for row in PAYMENTS]).encode(),
        "line 2, column amount: '1.234' may have a decimal mark or a thousands separator",
    ),
    "thousands or decimal commas.csv": (
        text(";", rows=[["1,234", "0", *row[2:]] for row in PAYMENTS]).encode(),
        "line 2, column amount: '1,234' may have a decimal mark or a thousands separator",
    ),
    "a long header.csv": (b"amount," * (1 << 18), "line 1: longer than 1,048,576 bytes"),
    "a table.xlsx": (text().encode(), "must end in .csv"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_needs_a_guess_is_refused(tmp_path: Path, reader: Reader, name: str) -> None:
    """All three ways refuse it with one message, which names the file."""
    content, message = REFUSED[name]
    path = tmp_path / name
    path.write_bytes(content)
    found = reader.refuse(path)
    assert found.startswith(str(path))
    assert message in found


def test_damage_after_the_last_row_is_an_error(tmp_path: Path, reader: Reader) -> None:
    """The producer has sent the rows by then; the other two write nothing."""
    path = tmp_path / "some.csv.gz"
    path.write_bytes(gzip.compress(text().encode()) + b"more")
    for way in (reader.train, reader.score, reader.send):
        with pytest.raises(FraudstreamError, match="is a damaged gzip file"):
            way(path)
