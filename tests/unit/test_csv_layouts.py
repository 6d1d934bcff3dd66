"""Files of the CSV with the columns of several schemas: read, rebuilt and erased."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.test_sinks import IDENTITY

from cli.audit.entries import row_entries
from cli.csv.erasure import CsvErasure
from cli.csv.reading import CsvSnapshot, files
from cli.csv.refill import CsvExistsError, CsvRefill, Reached
from cli.erase.wanted import Rows, ScoredPlace
from fraudstream.csv_file.journal import Journal
from fraudstream.csv_file.layout import Layout
from fraudstream.csv_file.protocol import Batch
from fraudstream.payment import Payments
from fraudstream.payment_schema import parse
from fraudstream.scored_payment import Scored, ScoredFormat
from scorer.csv_sink import CsvSink

TEXT = 'id = "uuid"\n[fields.note]\ntype = "text"\n[fields.uuid]\ntype = "text"\n%s'
FORMAT = ScoredFormat(parse(TEXT % "", "payment.toml"))
EARLIER = ScoredFormat(parse('id = "uuid"\n[fields.uuid]\ntype = "text"\n', "payment.toml"))
NUMBERED = ScoredFormat(parse('id = "number"\n[fields.number]\ntype = "integer"\n', "payment.toml"))
LAYOUT = FORMAT.layout
ids = st.text(max_size=8) | st.sampled_from(["a,b", 'a"b', "=a", "a", "b", ",", '"', "uuid", "timestamp", "7", ""])


def rows(form: ScoredFormat, payment_ids: list[str], partition: int = 0, first: int = 0) -> list[bytes]:
    """Return a row for each id, at offsets from the first one."""
    columns: Payments = {
        "uuid": payment_ids,
        "note": ["n,1"] * len(payment_ids),
        "number": list(range(len(payment_ids))),
    }
    count = len(payment_ids)
    scored = Scored(
        payments={name: columns[name] for name in form.schema.fields},
        fraud_probability=[0.25] * count,
        decision=["review"] * count,
        model_version=["v1"] * count,
        timestamp_ms=[1_000] * count,
        partition=[partition] * count,
        offset=list(range(first, first + count)),
    )
    return form.texts(scored).csv_chunk().splitlines(keepends=True)


def store(form: ScoredFormat, path: Path, payment_ids: list[str], offset: int) -> None:
    """Store the rows as a scorer of this schema."""
    sink = CsvSink(path, IDENTITY, form.layout)
    last = offset + len(payment_ids) - 1
    token = sink.acquire([0])[0].token
    content = b"".join(rows(form, payment_ids, 0, offset))
    batch = Batch(partition=0, token=token, base=offset, last=last, fingerprint=last, rows=content)
    assert sink.append([batch]) == {0}
    sink.close()


def test_rotated_files_of_earlier_schemas_are_read_with_the_live_one(tmp_path: Path) -> None:
    """Each file's own header names its columns; the id is the one of the column with its name."""
    path = tmp_path / "scores.csv"
    store(NUMBERED, path, ["", ""], 0)
    store(EARLIER, path, ["a,b", "c"], 2)
    store(FORMAT, path, ["a,b", "d"], 4)
    assert sorted(one.name for one in tmp_path.glob("*.csv")) == ["scores.0001.csv", "scores.0002.csv", "scores.csv"]
    problems: list[str] = []
    with CsvSnapshot(files(path), LAYOUT) as snapshot:
        assert (snapshot.unreadable, snapshot.partitions) == (0, {0})
        found = [one for layout, some in snapshot.lines(0) for one in row_entries(some, layout, 0, problems.append)]
        assert (snapshot.first(0), snapshot.last(0)) == (0, 5)
    assert [(offset, content[0]) for offset, content in found] == [
        (0, None), (1, None), (2, "a,b"), (3, "c"), (4, "a,b"), (5, "d"),
    ]  # fmt: skip
    assert not problems


def test_a_rebuild_after_a_schema_has_changed(tmp_path: Path) -> None:
    """The new file and its journal have the present columns; a live file of an earlier schema counts as rows."""
    path = tmp_path / "scores.csv"
    store(EARLIER, path, ["a", "b"], 0)
    refill = CsvRefill(path, IDENTITY, LAYOUT)
    with refill.locked() as state:
        with pytest.raises(CsvExistsError):
            refill.refuse_to_repeat()
        refill.write(rows(FORMAT, ["a", "b"]))
        (renamed,) = refill.finish(state, {0: Reached(first=0, end=2)})
    assert renamed.read_bytes().startswith(EARLIER.layout.header_line)
    assert path.read_bytes() == LAYOUT.header_line + b"".join(rows(FORMAT, ["a", "b"]))
    written = Journal(path.with_name(".scores.csv.journal")).read()
    assert written is not None
    assert written.layout == LAYOUT.sha256
    store(FORMAT, path, ["c"], 2)
    assert path.read_bytes() == LAYOUT.header_line + b"".join(rows(FORMAT, ["a", "b", "c"]))


def test_an_empty_file_of_an_earlier_schema_is_no_obstacle(tmp_path: Path) -> None:
    """A header alone, of any schema, is not repeated by a rebuild."""
    path = tmp_path / "scores.csv"
    CsvSink(path, IDENTITY, FORMAT.layout).is_new()
    refill = CsvRefill(path, IDENTITY, EARLIER.layout)
    with refill.locked():
        refill.refuse_to_repeat()


@given(st.lists(ids, max_size=6), st.sets(ids, max_size=3), st.sampled_from([FORMAT, EARLIER]))
def test_rows_with_text_ids(there: list[str], wanted: set[str], form: ScoredFormat) -> None:
    """Exactly the rows with these ids are erased, of the present schema or of an earlier one; never the header."""
    with TemporaryDirectory() as name:
        path = Path(name) / "scores.csv"
        lines = rows(form, there)
        path.write_bytes(form.layout.header_line + b"".join(lines))
        other = path.with_name("scores.0001.csv")
        path.rename(other)
        found = Rows(wanted, [])
        CsvErasure(path, IDENTITY, LAYOUT).erase(found, [])
        cells = {LAYOUT.id_cell(one) for one in wanted}
        kept = [line for line, one in zip(lines, there, strict=True) if LAYOUT.id_cell(one) not in cells]
        assert other.read_bytes() == form.layout.header_line + b"".join(kept)


@given(one=ids, other=ids)
def test_a_row_by_its_place(one: str, other: str) -> None:
    """Place and id must both be those of the row."""
    (line,) = rows(FORMAT, [one], 2, 9)
    same = LAYOUT.id_cell(one) == LAYOUT.id_cell(other)
    assert Rows([], [ScoredPlace(2, 9, other)]).match(line, LAYOUT) is same
    assert not Rows([], [ScoredPlace(2, 8, one)]).match(line, LAYOUT)
    assert Rows([], [ScoredPlace(2, 9, one)]).may_be_in(line)


@pytest.mark.parametrize("payment_id", ["a", "a,b", 'a"b', "=a"])
def test_a_damaged_line_with_a_text_id(payment_id: str) -> None:
    """A part of a row is erased if one of its cells is the id."""
    (line,) = rows(FORMAT, [payment_id])
    found = Rows([payment_id], [])
    assert found.match(line[: line.index(b"review")], LAYOUT)
    assert found.match(b"x" + line[line.index(b",") :].replace(b",review", b""), LAYOUT)
    assert not Rows([f"{payment_id}x"], []).match(line[: line.index(b"review")], LAYOUT)


def test_files_without_a_column_of_the_ids(tmp_path: Path) -> None:
    """They are not changed, and named: an earlier schema's id had another name."""
    path = tmp_path / "scores.csv"
    store(NUMBERED, path, [""], 0)
    store(EARLIER, path, ["0"], 1)
    erasure = CsvErasure(path, IDENTITY, EARLIER.layout)
    assert erasure.count(Rows(["0"], [])) == {path: 1}
    assert [one.name for one in erasure.without_ids()] == ["scores.0001.csv"]
    assert erasure.erase(Rows(["0"], []), []) == {path: 1}
    assert path.with_name("scores.0001.csv").read_bytes() == NUMBERED.layout.header_line + rows(NUMBERED, [""])[0]
    assert isinstance(EARLIER.layout.found(NUMBERED.layout.header_line), Layout)
