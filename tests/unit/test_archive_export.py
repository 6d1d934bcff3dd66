"""Payments of an SQLite archive as CSV: each once, in order, whatever pages they are on, and any text in one cell."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.archives import CARDS, DEFAULT, opened, plan, query, scored_value, sqlite_url, write
from tests.fuzz import examples

from archiver.database import address
from archiver.read_only import ReadOnlyDatabase
from cli.archive import pages
from cli.archive.export_rows import ExportRows
from cli.archive.pages import Selection
from fraudstream.cell_text import csv_text, split_cells
from fraudstream.payment_schema import PaymentSchema
from fraudstream.timestamps import time_text

DECISIONS = ("approve", "review", "block")
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def any_archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of an archive: creating it takes longer than a random case."""
    return sqlite_url(tmp_path_factory.mktemp("archive"))


def refill(url: str, values: Sequence[bytes]) -> None:
    """Replace the payments of the archive."""
    with opened(url, CARDS) as database:
        with database.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM scored_payments")
        assert write(database, CARDS, values) == len(values)


def exported(url: str, schema: PaymentSchema, selection: Selection | None = None) -> list[dict[str, str]]:
    """Return the cells of the rows of the export, by column."""
    database, form = ReadOnlyDatabase(address(url)), ExportRows(schema)
    try:
        text = form.header_line + "".join(map(form.text, pages.pages(database, selection or Selection())))
    finally:
        database.close()
    lines = text.splitlines()
    assert text.count("\n") == len(lines)
    return list(csv.DictReader(io.StringIO(text), strict=True))


def scored(offset: int, scored_ms: int, decision: str = "review") -> bytes:
    """Return a scored record."""
    return scored_value(
        {"transaction_id": str(offset)}, offset, scored_at=time_text(DAY_MS + scored_ms), decision=decision
    )


@settings(max_examples=examples(30), deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 6), st.sampled_from(DECISIONS)), max_size=30),
    span=st.integers(1, 8),
    page=st.integers(1, 8),
    since=st.none() | st.integers(0, 7),
    until=st.none() | st.integers(0, 7),
    decisions=st.sets(st.sampled_from(DECISIONS), max_size=2),
)
@example(rows=[(0, "block")] * 20, span=3, page=2, since=0, until=1, decisions={"block"})
def test_each_selected_payment_is_exported_once(
    any_archive: str,
    rows: list[tuple[int, str]],
    span: int,
    page: int,
    since: int | None,
    until: int | None,
    decisions: set[str],
) -> None:
    """Payments by time of scoring, then by place; many at the same time may be more than a page."""
    expected = sorted(
        (scored_ms, offset)
        for offset, (scored_ms, decision) in enumerate(rows)
        if (since is None or scored_ms >= since)
        and (until is None or scored_ms < until)
        and (not decisions or decision in decisions)
    )
    selection = Selection(
        since_ms=None if since is None else DAY_MS + since,
        until_ms=None if until is None else DAY_MS + until,
        decisions=sorted(decisions),
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pages, "_SPAN_ROWS", span)
        patched.setattr(pages, "_PAGE_ROWS", page)
        refill(any_archive, [scored(offset, *row) for offset, row in enumerate(rows)])
        found = [int(row["source_offset"]) for row in exported(any_archive, CARDS, selection)]
    assert found == [offset for _, offset in expected]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["=1+1", '"', ",", "a\nb\r\nc", "\u2028", "\x85", "'", "+1", "-1", "@x", " ", "{}", "\\n", "null"]
)


@settings(max_examples=examples(40), deadline=None)
@given(texts=st.lists(TEXTS, min_size=2, max_size=2), reason=TEXTS, number=st.floats(-1e300, 1e300))
def test_any_text_is_one_cell(any_archive: str, texts: list[str], reason: str, number: float) -> None:
    """Texts are cells as in the scorers' CSV, read back by any reader; reasons are their texts."""
    payment = {"transaction_id": texts[0], "country": texts[1], "risk": number, "is_new": True, "logins": -3}
    value = scored_value(payment, reasons=[{"field": "risk", "contribution": 0.5, "text": reason}])
    refill(any_archive, [value])
    (row,) = exported(any_archive, CARDS)
    cells = [split_cells(csv_text(text.replace("\x00", "\\x00")))[0] for text in (*texts, reason)]
    assert [row["transaction_id"], row["country"], row["reasons"]] == cells
    assert float(row["risk"]) == number
    assert [row["is_new"], row["logins"], row["note"], row["amount"]] == ["true", "-3", "", ""]


def test_columns_are_those_of_the_view(tmp_path: Path) -> None:
    """The columns are those of the view `payments`, in the same order."""
    url = sqlite_url(tmp_path)
    with opened(url, CARDS) as database:
        names = [name for (name,) in query(database, "SELECT name FROM pragma_table_info('payments')")]
    assert ExportRows(CARDS).header_line == ",".join(names) + "\n"


def test_payments_of_earlier_schemas(tmp_path: Path) -> None:
    """The id of an earlier schema is in the column of the id; fields with another type keep their values."""
    url = sqlite_url(tmp_path)
    payment = {"amount": 5, "country_risk_score": 0.5, "failed_logins": 0, "transaction_hour": 5, "is_new_device": 0}
    with opened(url, DEFAULT) as database:
        write(database, DEFAULT, [scored_value({"payment_id": 7, **payment}, challenger_probability=0.25)])
    (row,) = exported(url, CARDS)
    assert [row["transaction_id"], row["amount"], row["card_token"]] == ["7", "5.0", ""]
    assert [row["challenger_probability"], row["challenger_version"]] == ["0.250000", ""]


def test_values_from_before_a_field_became_secret(tmp_path: Path) -> None:
    """A secret field has tokens only; a value that was archived before is left out."""
    url = sqlite_url(tmp_path)
    secret = replace(CARDS, fields={**CARDS.fields, "card": replace(CARDS.fields["card"], secret=True)})
    token = f"{'0' * 8}.{'a' * 24}"
    with opened(url, CARDS) as database:
        cards = [{"transaction_id": str(number), "card": {"token": one}} for number, one in enumerate((token, "4111"))]
        write(database, CARDS, [scored_value(card, number) for number, card in enumerate(cards)])
    assert [row["card_token"] for row in exported(url, secret)] == [token, ""]
    assert [row["card_token"] for row in exported(url, CARDS)] == [token, "4111"]


def test_the_archiver_writes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock is held between two pages; payments that are scored after the start are left out."""
    monkeypatch.setattr(pages, "_SPAN_ROWS", 2)
    url = sqlite_url(tmp_path)
    with opened(url, CARDS) as writer:
        write(writer, CARDS, [scored(offset, offset) for offset in range(10)])
        reader = ReadOnlyDatabase(address(url))
        found = list[Any]()
        for number, page in enumerate(pages.pages(reader, Selection())):
            found += [row.source_offset for row in page]
            assert write(writer, CARDS, [scored(100 + number, 100 + number)]) == 1
        reader.close()
    assert found == list(range(10))


def test_no_page_reads_the_whole_table(tmp_path: Path) -> None:
    """Each statement of an export uses the index of `scored_at`, also to sort."""
    url = sqlite_url(tmp_path)
    with opened(url, CARDS) as database:
        write(database, CARDS, [scored(offset, offset) for offset in range(4)])
        reader = _Recorder(url)
        selection = Selection(since_ms=0, until_ms=2 * DAY_MS, decisions=["review"])
        assert sum(map(len, pages.pages(reader, selection))) == 4
        plans = [plan(database, statement) for statement in reader.statements]
        reader.close()
    assert len(plans) == 3
    assert all("scored_payments_scored_at" in one and "FOR ORDER BY" not in one for one in plans), plans


class _Recorder(ReadOnlyDatabase):
    """A database that records its statements."""

    def __init__(self, url: str) -> None:
        super().__init__(address(url))
        self.statements: list[str] = []

    def rows(self, statement: Any, **parameters: Any) -> Sequence[Any]:
        compiled = statement.compile(self._engine, compile_kwargs={"literal_binds": True})
        self.statements.append(str(compiled))
        return super().rows(statement, **parameters)
