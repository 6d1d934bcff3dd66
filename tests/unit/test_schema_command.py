"""`fraudstream schema`: a file's payments → a payment.toml, and a report of those that are invalid."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from cli.__main__ import main
from fraudstream.payment_schema import parse

ROOT = Path(__file__).parents[2]
CARDS = ROOT / "examples/cards"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error of the command."""
    code = main(["schema", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def written(tmp_path: Path, name: str, content: str) -> Path:
    """Return a new file."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def test_a_files_own_schema_accepts_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Infer, then check: every payment is valid, and standard output has the schema only."""
    code, out, err = run(capsys, "infer", CARDS / "history.csv")
    assert code == 0
    assert "fraudstream schema check" in err
    assert "transaction_id" in parse(out, "payment.toml").fields
    schema = written(tmp_path, "payment.toml", out)
    assert run(capsys, "check", CARDS / "history.csv", "--schema", schema)[0] == 0


def test_to_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The file is not replaced without --force."""
    out = tmp_path / "payment.toml"
    assert run(capsys, "infer", CARDS / "messages.jsonl", "--out", out)[0] == 0
    assert "id = " in out.read_text()
    code, _, err = run(capsys, "infer", CARDS / "messages.jsonl", "--out", out)
    assert (code, "already exists" in err) == (1, True)
    assert run(capsys, "infer", CARDS / "messages.jsonl", "--out", out, "--force")[0] == 0


def test_what_would_become_a_dead_letter(capsys: pytest.CaptureFixture[str]) -> None:
    """The report has each reason, its count, and the line of the first one, and quotes no value."""
    code, out, _ = run(capsys, "check", CARDS / "messages.jsonl", "--schema", CARDS / "payment.toml")
    assert code == 1
    assert out.splitlines()[0].endswith("17 valid.")
    assert "invalid_field      1  line 5    amount: Input should be a valid number" in out
    assert "missing_field      1  line 11   card: Field required" in out
    assert "invalid_json       1  line 18" in out


def test_the_committed_history_is_valid(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without ids is checked with its lines as ids; the default schema is the committed one."""
    monkeypatch.chdir(ROOT)
    code, out, _ = run(capsys, "check", "data/historical_payments.csv")
    assert code == 0
    assert "20,000 valid." in out


def test_cells_of_every_type(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Numbers, booleans and times are read from texts; an empty cell is missing; a wrong one is reported."""
    tables = {"n": "integer", "x": "number", "b": "boolean", "t": "time", "c": "category", "o": "integer"}
    text = 'id = "id"\n[fields.id]\ntype = "text"\n' + "".join(
        f'[fields.{name}]\ntype = "{kind}"\n{"required = false" if name == "o" else ""}\n'
        for name, kind in tables.items()
    )
    schema = written(tmp_path, "payment.toml", text)
    good = "a;3;2.50;True;2026-09-21T14:00:00Z;007;\nb;3.0;7;0;1789999200;x;9\n"
    file = written(tmp_path, "good.csv", f"id;n;x;b;t;c;o\n{good}")
    code, out, _ = run(capsys, "check", file, "--schema", schema)
    assert (code, out) == (0, f"2 payments of {file} checked by {schema}: 2 valid.\n")
    file = written(tmp_path, "bad.csv", f"id;n;x;b;t;c;o\n{good}c;3;2x5;1;1;x;\nd;;1;1;1;x;\ne;1\n")
    code, out, _ = run(capsys, "check", file, "--schema", schema)
    assert code == 1
    assert "line 4    x: Input should be a valid number" in out
    assert "line 5    n: Field required" in out
    assert "line 6    2 cells, but the header has 7 columns" in out
    file = written(tmp_path, "mixed.csv", f"id;n;x;b;t;c;o\n{good}c;3;2,5;1;1;x;\n")
    code, _, err = run(capsys, "check", file, "--schema", schema)
    assert (code, "mixes decimal points (line 2, column x: '2.50') and decimal commas" in err) == (1, True)
    file = written(tmp_path, "commas.csv", "id;n;x;b;t;c;o\na;3,0;2,50;True;1789999200;007;\n")
    assert run(capsys, "check", file, "--schema", schema)[0] == 0


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("p.csv", "", "the file is empty"),
        ("p.csv", "a,b,a\n1,2,3\n", "two columns 'a', numbers 1 and 3"),
        ("p.csv", 'a,"b\n', "a quote in the header is not closed"),
        ("p.xml", "<a/>", "must end in .csv"),
        ("p.jsonl", '{"flag": true}\n', "no field can be the id"),
        ("p.jsonl", '[{"id": 1}]\n', "no message is a JSON object; in a file, each line must be one"),
        ("p.jsonl", "", "no payment to infer from"),
        ("p.csv", "id|amount\n1|2\n", "one column: comma, semicolon and tab are supported as delimiters"),
        ("p.csv", "id,amount\n", "no line after the header"),
        ("p.csv", "# export\nid,amount\n1,2\n", "no line after the header can be split into its columns"),
    ],
)
def test_files_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, content: str, problem: str
) -> None:
    """The error is one line with the file and the problem."""
    code, out, err = run(capsys, "infer", written(tmp_path, name, content))
    assert (code, out, problem in err) == (1, "", True)


@pytest.mark.parametrize(
    ("content", "types"),
    [
        ("id;amount;x\na;12,50;1\nb;3;2\n", ["text", "number", "integer"]),
        ("id;amount;x\na;1.234,50;1\nb;0,5;2\n", ["text", "text", "integer"]),
        ("id;amount;x\na;12,50;1.5\nb;0,5;2.5\n", ["text", "text", "number"]),
        ('id,amount,x\na,"12,50",1\nb,"1,5",2\n', ["text", "number", "integer"]),
    ],
)
def test_decimal_commas(capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, types: Sequence[str]) -> None:
    """A column with decimal commas has numbers, unless the file has points too; the check has the same rules."""
    file = written(tmp_path, "p.csv", content)
    text = run(capsys, "infer", file)[1]
    assert [one.type for one in parse(text, "payment.toml").fields.values()] == types
    assert run(capsys, "check", file, "--schema", written(tmp_path, "payment.toml", text))[0] == 0


def test_one_payment(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Counts of one are in the singular."""
    file, schema = written(tmp_path, "p.jsonl", '{"id": "a"}\n[]\n'), tmp_path / "payment.toml"
    code, _, err = run(capsys, "infer", file, "--out", schema)
    assert (code, "skipped: 1 message without a JSON object" in err) == (0, True)
    assert "1 message. Check every line" in schema.read_text()
    out = run(capsys, "check", file, "--schema", schema)[1]
    assert out.splitlines()[:2] == [f"2 payments of {file} checked by {schema}: 1 valid.", "1 dead letter:"]


def test_a_required_field_without_a_column(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The error names the fields, instead of as many dead letters as there are rows."""
    file = written(tmp_path, "p.csv", "transaction_id,amount\na,1\n")
    code, _, err = run(capsys, "check", file, "--schema", CARDS / "payment.toml")
    assert (code, "no column created_at, currency" in err) == (1, True)
    assert "merchant_id (merchant.id)" in err
    assert "and 14 more (found, with comma as delimiter" in err
    code, _, err = run(capsys, "check", file, "--schema", tmp_path / "none.toml")
    assert (code, "none.toml can't be read" in err) == (1, True)
