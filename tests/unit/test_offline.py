"""`fraudstream score`: a file scored as the scorer would, refused input, and the files on disk."""

import argparse
import asyncio
import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.any_schema import DEFAULT, FORM, rows_of
from tests.fuzz import examples
from tests.table_files import table_rows
from tests.unit.test_artifact import save

from cli import __main__ as cli
from cli.score.command import run_score
from fraudstream.errors import FraudstreamError
from fraudstream.model import store
from fraudstream.model.amounts import amounts_of
from fraudstream.payment import InvalidPayment, check_all
from fraudstream.payment_files.opening import CHUNK_BYTES
from fraudstream.payment_files.physical_lines import LONGEST_LINE
from fraudstream.payment_files.reading import opened
from fraudstream.payment_files.rows import payments as payment_schema
from fraudstream.payment_values import PaymentValues
from fraudstream.scored_payment import ScoredFormat

COLUMNS = ",".join(DEFAULT.fields)
payments = rows_of(DEFAULT)
GOOD = "1,1200,0.68,3,18,1"
fresh_folders = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(50))


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Provide the settings for a small model and an output folder."""
    save(tmp_path / "models")
    (tmp_path / "outputs").mkdir()
    return {"MODELS_DIR": str(tmp_path / "models"), "CSV_PATH": str(tmp_path / "outputs" / "live.csv")}


def score(
    env: dict[str, str], file: Path, *, out: Path | None = None, force: bool = False, stopped: bool = False
) -> int:
    """Score a file as the command line does."""

    async def work() -> int:
        stop = asyncio.Event()
        if stopped:
            stop.set()
        return await run_score(env, stop, argparse.Namespace(file=file, out=out, force=force))

    return asyncio.run(work())


def refused(env: dict[str, str], file: Path, out: Path | None = None) -> str:
    """Return the message of the error; there must be no new file."""
    before = sorted(file.parent.rglob("*"))
    with pytest.raises(FraudstreamError) as caught:
        score(env, file, out=out)
    assert sorted(file.parent.rglob("*")) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def written(path: Path, content: str | bytes) -> Path:
    """Return a file with that content."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as CSV, as Python writes it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS.split(","))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@fresh_folders
@given(rows=st.lists(payments, max_size=8), name=st.sampled_from(["csv", "jsonl"]))
def test_scores_are_those_of_the_stream(
    tmp_path: Path, env: dict[str, str], rows: list[dict[str, Any]], name: str
) -> None:
    """The payments, probabilities, decisions and columns are equal; the offset is the file's line."""
    lines = "\n".join(json.dumps(row) for row in rows)
    file = written(tmp_path / f"mine.{name}", as_csv(rows) if name == "csv" else lines)
    assert score(env, file, force=True) == 0
    out = tmp_path / "outputs" / "mine.scored.csv"
    assert out.read_text().splitlines()[0] == ScoredFormat(DEFAULT).layout.header_line.decode().rstrip()
    model = store.load(tmp_path / "models", store.NO_PINS)[0]
    by_field = FORM.columns(rows)
    probabilities = model.score(model.matrix(by_field))
    found = table_rows(out)
    assert [{field: json.loads(row[field]) for field in COLUMNS.split(",")} for row in found] == rows
    assert [float(row["fraud_probability"]) for row in found] == probabilities.tolist()
    assert [row["decision"] for row in found] == model.decide(probabilities, amounts_of(DEFAULT, by_field))
    assert {(row["timestamp"], row["partition"], row["model_version"]) for row in found} <= {("", "0", model.version)}
    first = 2 if name == "csv" else 1
    assert [int(row["offset"]) for row in found] == list(range(first, first + len(rows)))


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ("1,12OO,0.68,3,18,1", "invalid_field", "column amount: '12OO' must be a valid number"),
        ("1,nan,0.68,3,18,1", "invalid_field", "column amount: 'nan' must be a valid number"),
        ("1,1e400,0.68,3,18,1", "invalid_field", "column amount: '1e400' must be a finite number"),
        ("1,-5,0.68,3,18,1", "invalid_field", "column amount: '-5' must be greater than 0"),
        ("1,5,0.5,2.5,18,1", "invalid_field", "column failed_logins: '2.5' must be a valid integer"),
        (
            "1,5,true,3,24,1",
            "invalid_field",
            "column country_risk_score: 'true' must be a valid number; column transaction_hour: '24' must be ",
        ),
        ("0,5,0.5,3,18,1", "invalid_field", "column payment_id: '0' must be greater than or equal to 1"),
        (",5,0.5,3,18,1", "missing_field", "column payment_id: no value"),
        ("1,5,0,5,3,18,1", "invalid_csv", "7 cells, but the header has 6 columns"),
        ("1,5", "invalid_csv", "2 cells, but the header has 6 columns"),
        ("1,\udcff,0.5,3,18,1", "invalid_csv", "byte 3 (0xFF) is not UTF-8"),
        ("1," + "9" * 200_000 + ",0.5,3,18,1", "invalid_field", "column amount: '999"),
    ],
)
def test_bad_rows_are_written_aside(tmp_path: Path, env: dict[str, str], row: str, reason: str, detail: str) -> None:
    """A bad row is written aside with line and reason; the rows around it are scored."""
    content = f"{COLUMNS}\n{GOOD}\n\n{row}\n{GOOD}\n".encode(errors="surrogateescape")
    assert score(env, written(tmp_path / "mine.csv", content)) == 0
    assert [line["offset"] for line in table_rows(tmp_path / "outputs" / "mine.scored.csv")] == ["2", "5"]
    (rejected,) = table_rows(tmp_path / "outputs" / "mine.scored.rejected.csv")
    assert (rejected["line"], rejected["reason"]) == ("4", reason)
    assert rejected["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"no", "invalid_json"),
        (b"[1]", "not_an_object"),
        (b"{}", "missing_field"),
        (b'{"payment_id":1,"amount":5,"country_risk_score":0,"failed_logins":3.0,"transaction_hour":1,"is_new_device":0}',
         "invalid_field"),
        (b" " * LONGEST_LINE + b"{}" * LONGEST_LINE, "too_long"),
        (b"x" * 3 * LONGEST_LINE, "too_long"),
    ],
)  # fmt: skip
def test_bad_lines_are_written_aside(tmp_path: Path, env: dict[str, str], line: bytes, reason: str) -> None:
    """A bad line is written aside: JSON has types, so the wire's rules apply."""
    good = json.dumps(dict(zip(COLUMNS.split(","), json.loads(f"[{GOOD}]"), strict=True))).encode()
    file = written(tmp_path / "mine.ndjson", b"\xef\xbb\xbf" + good + b"\n" + line + b"\r\n\n" + good)
    assert score(env, file) == 0
    assert [row["offset"] for row in table_rows(tmp_path / "outputs" / "mine.scored.csv")] == ["1", "4"]
    assert [(row["line"], row["reason"]) for row in table_rows(tmp_path / "outputs" / "mine.scored.rejected.csv")] == [
        ("2", reason)
    ]


def test_files_of_spreadsheets(tmp_path: Path, env: dict[str, str]) -> None:
    """A byte-order mark, free column order, quotes, floats and booleans for integers, and a missing id are accepted."""
    content = (
        '\ufeffnote,is_new_device,amount,country_risk_score,failed_logins,transaction_hour\r\n'
        '"a ""note"", quoted",TRUE,5,.5,3.0, 7 \r\n,,,,,\r\nx,false,6,0,0,23'
    )  # fmt: skip
    assert score(env, written(tmp_path / "Mine.CSV", content)) == 0
    rows = [list(row.values())[1:7] for row in table_rows(tmp_path / "outputs" / "Mine.scored.csv")]
    assert rows == [["2", "5.0", "0.5", "3", "7", "1"], ["4", "6.0", "0.0", "0", "23", "0"]]
    assert not (tmp_path / "outputs" / "Mine.scored.rejected.csv").exists()


def test_mistakes(tmp_path: Path, env: dict[str, str]) -> None:
    """Each mistake is reported in one line, and leaves no file."""
    good = written(tmp_path / "mine.csv", f"{COLUMNS}\n{GOOD}\n")
    assert "No such file" in refused(env, tmp_path / "none.csv")
    assert "must end in .csv" in refused(env, written(tmp_path / "mine.xlsx", "x"))
    assert "no column amount" in refused(env, written(tmp_path / "bad.csv", COLUMNS.replace("amount", "sum")))
    assert "the file is empty" in refused(env, written(tmp_path / "bad.csv", ""))
    assert "two columns 'amount', numbers 2 and 7" in refused(env, written(tmp_path / "bad.csv", f"{COLUMNS},amount"))
    assert "line 1: longer than" in refused(env, written(tmp_path / "bad.csv", "9" * 2 * LONGEST_LINE))
    assert "is the input file" in refused(env, good, out=good)
    assert "is the scorers' CSV" in refused(env, good, out=Path(env["CSV_PATH"]))
    assert "is a folder" in refused(env, good, out=tmp_path)
    assert "can't be written: No such file" in refused(env, good, out=tmp_path / "no" / "out.csv")
    assert "no model" in refused(env | {"MODELS_DIR": str(tmp_path)}, good)
    rejected = written(tmp_path / "out.rejected.csv", f"{COLUMNS}\n{GOOD}\n")
    assert "is the input file" in refused(env, rejected, out=tmp_path / "out.csv")


def test_an_existing_file_is_replaced_with_the_flag(tmp_path: Path, env: dict[str, str]) -> None:
    """With the flag, the rejected rows of the previous run are replaced too."""
    file = written(tmp_path / "mine.csv", f"{COLUMNS}\n{GOOD}\nbad\n")
    out, rejected = tmp_path / "out.csv", tmp_path / "out.rejected.csv"
    assert score(env, file, out=out) == 0
    assert rejected.exists()
    assert "--force" in refused(env, file, out=out)
    written(file, f"{COLUMNS}\n{GOOD}\n{GOOD}\n")
    assert score(env, file, out=out, force=True) == 0
    assert len(table_rows(out)) == 2
    assert not rejected.exists()


def test_an_interrupted_run_leaves_nothing(tmp_path: Path, env: dict[str, str]) -> None:
    """No partial file remains."""
    file = written(tmp_path / "mine.csv", f"{COLUMNS}\n{GOOD}\n")
    with pytest.raises(FraudstreamError, match="nothing was written"):
        score(env, file, stopped=True)
    assert list((tmp_path / "outputs").iterdir()) == []


def test_thresholds_may_be_set(tmp_path: Path, env: dict[str, str]) -> None:
    """Thresholds are set as for the scorer."""
    file = written(tmp_path / "mine.csv", f"{COLUMNS}\n{GOOD}\n")
    score(env | {"REVIEW_THRESHOLD": "0.000001", "BLOCK_THRESHOLD": "0.000001"}, file)
    assert [row["decision"] for row in table_rows(tmp_path / "outputs" / "mine.scored.csv")] == ["block"]


def test_exit_codes(
    tmp_path: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 0 on success, 1 with one line on failure."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    file = written(tmp_path / "mine.csv", f"{COLUMNS}\n{GOOD}\nbad\n")
    assert cli.main(["score", str(file)]) == 0
    output = capsys.readouterr().out
    assert "rows rejected" in output
    assert "rows=1" in output.splitlines()[-1]
    assert cli.main(["score", str(tmp_path / "none.csv")]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_batches_are_bounded(tmp_path: Path) -> None:
    """Batches have a limited size, whatever the number of rows; no row is lost between two."""
    file = written(tmp_path / "mine.csv", f"{COLUMNS},note\n" + f"{GOOD},{'x' * 1000}\n" * 1_000)
    lines = written(tmp_path / "mine.jsonl", b'{"note":"%s"}\n' % (b"x" * 1000) * 1_000)
    for path, first in ((file, 2), (lines, 1)):
        with opened(path, payment_schema(DEFAULT, lambda line: line)) as table:
            found = [[*one.lines, *(row.line for row in one.rejected)] for one in table.batches]
        assert [line for one in found for line in one] == list(range(first, first + 1_000))
        assert max(map(len, found)) <= CHUNK_BYTES // 1_000 + 1


json_values = st.none() | st.booleans() | st.integers(-5, 30) | st.floats(-1, 30) | st.just("x")


@given(st.dictionaries(st.sampled_from([*COLUMNS.split(","), "note"]), json_values))
def test_fields_are_checked_as_the_wire_is(fields: dict[str, object]) -> None:
    """File and wire give the same payment, or the same reason."""
    (found,) = check_all([fields], PaymentValues(DEFAULT).adapter)
    wire = FORM.decode(json.dumps(fields).encode())
    if isinstance(wire, InvalidPayment):
        assert isinstance(found, InvalidPayment)
        assert found.reason == wire.reason
    else:
        assert found == wire
