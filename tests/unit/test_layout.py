"""A CSV whose schema changes: the file is kept, offsets and tokens too, and a pending batch is read from it."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.test_sinks import IDENTITY, batch
from tests.scores import LAYOUT, PAYMENT

from fraudstream.csv_file.layout import Layout
from fraudstream.csv_file.protocol import Batch
from fraudstream.errors import JournalForeignError
from fraudstream.payment_schema import parse
from fraudstream.scored_payment import Scored, ScoredFormat
from scorer.csv_sink import CsvSink

OTHER = ScoredFormat(parse('id = "key"\n[fields.note]\ntype = "text"\n[fields.key]\ntype = "text"\n', "payment.toml"))


def rows(notes: list[str], first: int = 0) -> bytes:
    """Return rows of the other schema with these texts."""
    count = len(notes)
    return OTHER.texts(
        Scored(
            payments={"note": notes, "key": [f"key-{number}" for number in range(count)]},
            fraud_probability=[0.5] * count,
            decision=["review"] * count,
            model_version=["v2"] * count,
            timestamp_ms=[1_790_000_000_000] * count,
            partition=[0] * count,
            offset=list(range(first, first + count)),
        )
    ).csv_chunk()


def other_batch(token: int, notes: list[str], first: int = 0) -> Batch:
    """Return a batch of the other schema."""
    last = first + len(notes) - 1
    return Batch(partition=0, token=token, base=first, last=last, fingerprint=last, rows=rows(notes, first))


def test_another_layout_starts_another_file(tmp_path: Path) -> None:
    """The file of the previous schema is kept as it is; its last batch is replayed, and offsets continue."""
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, LAYOUT)
    sink.append([batch(0, sink.acquire([0])[0].token, range(5))])
    before = path.read_bytes()
    other = CsvSink(path, IDENTITY, OTHER.layout)
    holding = other.acquire([0])[0]
    assert (tmp_path / "scores.0001.csv").read_bytes() == before
    assert path.read_bytes() == OTHER.layout.header_line
    assert holding.token == 2
    assert holding.decided
    assert holding.decided.offset == 4
    assert [row.offset for row in holding.rows.values()] == list(range(5))
    assert {row.fraud_probability for row in holding.rows.values()} == {0.125}
    assert other.append([other_batch(2, ["a,b", "c"], first=5)]) == {0}
    back = CsvSink(path, IDENTITY, LAYOUT)
    assert [row.model_version for row in back.acquire([0])[0].rows.values()] == ["v2", "v2"]
    assert (tmp_path / "scores.0002.csv").read_bytes().startswith(OTHER.layout.header_line)
    assert path.read_bytes() == LAYOUT.header_line


def test_an_empty_file_is_not_kept(tmp_path: Path) -> None:
    """A file without rows gets the new header."""
    path = tmp_path / "scores.csv"
    CsvSink(path, IDENTITY, LAYOUT).acquire([0])
    assert CsvSink(path, IDENTITY, OTHER.layout).acquire([0])[0].token == 2
    assert [one.name for one in tmp_path.glob("*.csv")] == ["scores.csv"]
    assert path.read_bytes() == OTHER.layout.header_line


def test_the_journal_of_a_file_of_another_layout_is_lost(tmp_path: Path) -> None:
    """Offsets are recovered from the file, which is then kept; no offset is forgotten."""
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, OTHER.layout)
    sink.append([other_batch(sink.acquire([0])[0].token, ["=1", "\u2028", 'a"b'])])
    (tmp_path / ".scores.csv.journal").unlink()
    decided = CsvSink(path, IDENTITY, LAYOUT).acquire([0])[0].decided
    assert decided
    assert decided.offset == 2
    assert (tmp_path / "scores.0001.csv").exists()


def test_scorers_with_two_schemas_do_not_share_a_csv(tmp_path: Path) -> None:
    """While a scorer runs, one with another schema is refused, in both directions; afterwards it is not."""
    path = tmp_path / "scores.csv"
    for first, second in ((LAYOUT, OTHER.layout), (OTHER.layout, LAYOUT)):
        with closing(CsvSink(path, IDENTITY, first)) as running:
            running.claim()
            with pytest.raises(JournalForeignError, match="another payment schema"):
                CsvSink(path, IDENTITY, second).claim()
        with closing(CsvSink(path, IDENTITY, second)) as later:
            later.claim()


def test_a_journal_of_an_earlier_release(tmp_path: Path) -> None:
    """It has no layout, and its CSV has the columns of the default schema."""
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, LAYOUT)
    sink.append([batch(0, sink.acquire([0])[0].token, range(2))])
    journal = sink._file.journal
    state = journal.read()
    assert state
    assert state.layout == LAYOUT.sha256
    object.__setattr__(state, "layout", None)
    object.__setattr__(state, "sequence", state.sequence + 1)
    journal.write(state)
    before = path.read_bytes()
    assert CsvSink(path, IDENTITY, LAYOUT).acquire([0])[0].decided
    assert path.read_bytes() == before


texts = st.text(max_size=20) | st.text("=+-@'\",\\ \t\r\n\v\x85\u2028\u2029\0", max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(notes=st.lists(texts, min_size=1, max_size=6))
def test_any_text_in_any_field_with_the_journal_deleted(tmp_path: Path, notes: list[str]) -> None:
    """No row is lost or repeated, and the highest offset stays."""
    for one in tmp_path.iterdir():
        one.unlink()
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, OTHER.layout)
    sink.append([other_batch(sink.acquire([0])[0].token, notes)])
    before = path.read_bytes()
    (tmp_path / ".scores.csv.journal").unlink()
    holding = CsvSink(path, IDENTITY, OTHER.layout).acquire([0])[0]
    assert holding.decided
    assert holding.decided.offset == len(notes) - 1
    assert path.read_bytes() == before
    lines = before.split(b"\n")[1:-1]
    assert [OTHER.layout.stored_row(line).offset for line in lines] == list(range(len(notes)))
    assert [OTHER.layout.stored_row(line).id for line in lines] == [f"key-{number}" for number in range(len(notes))]


def test_found_layouts() -> None:
    """A header of ours is recognised, any other first line is not."""
    assert LAYOUT.found(LAYOUT.header_line) is LAYOUT
    other = LAYOUT.found(OTHER.layout.header_line)
    assert isinstance(other, Layout)
    assert other.columns == OTHER.layout.columns
    for line in (b"", b"timestamp\n", b"a,b\n", LAYOUT.header_line[:-1], b"\xff" * 9, json.dumps(PAYMENT).encode()):
        assert LAYOUT.found(line) is None


def test_cells_of_another_layout_are_not_used(tmp_path: Path) -> None:
    """A pending batch of the previous schema gives scores only: its cells are those of other fields."""
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, OTHER.layout)
    sink.append([other_batch(sink.acquire([0])[0].token, ["a", "b"])])
    assert {row.declared for row in CsvSink(path, IDENTITY, OTHER.layout).acquire([0])[0].rows.values()} == {
        ("a", "key-0"),
        ("b", "key-1"),
    }
    assert {row.declared for row in CsvSink(path, IDENTITY, LAYOUT).acquire([0])[0].rows.values()} == {()}


def test_a_rotation_that_was_killed_and_a_schema_that_went_back(tmp_path: Path) -> None:
    """The file of the other schema is moved aside, and later changes still work."""
    path = tmp_path / "scores.csv"
    sink = CsvSink(path, IDENTITY, LAYOUT)
    sink.append([batch(0, sink.acquire([0])[0].token, range(2))])
    path.rename(tmp_path / "scores.0001.csv")
    path.write_bytes(OTHER.layout.header_line)
    for layout in (LAYOUT, OTHER.layout, LAYOUT):
        token = CsvSink(path, IDENTITY, layout).acquire([0])[0].token
        rows_of_it = (
            other_batch(token, ["x"], first=token * 10)
            if layout is not LAYOUT
            else batch(0, token, range(token * 10, token * 10 + 1))
        )
        assert CsvSink(path, IDENTITY, layout).append([rows_of_it]) == {0}
