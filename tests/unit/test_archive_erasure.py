"""Rows erased from an archive in SQLite: all others remain, and the file keeps nothing of the erased ones."""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.archives import CARDS, DEFAULT
from tests.fuzz import examples

from archiver.database import Database, address
from archiver.rows import stored_text
from cli.erase import archive
from cli.erase.wanted import ScoredPlace, Wanted
from fraudstream.dead_letter import Place

ID = DEFAULT.fields[DEFAULT.id]
TOPIC, NOW = "t", "2026-01-01T00:00:00.000Z"
IDS = st.integers(1, 5)
KEYS = st.sampled_from([b"k1", b"k2", b"\xff", None])
Row = tuple[Any, ...]


def scored(offset: int, payment_id: str) -> Row:
    """Return a row of scored_payments."""
    return (TOPIC, 0, offset, 0, NOW, payment_id, 1.5, "{}", 0.25, "review", "v1", "[]", NOW, None, None)


def letter(offset: int, key: bytes | None, value: bytes) -> Row:
    """Return a row of dead_letters."""
    return (TOPIC, 0, offset, 0, "d", 0, offset, "invalid_json", "", key, value, len(value), "[]", NOW)


def opened(folder: Path, payments: list[Row], letters: list[Row]) -> Database:
    """Return an archive with these rows."""
    database = Database(address(f"sqlite:///{folder}/a.db"))
    with database.transaction() as connection:
        database.insert_new(connection, "scored_payments", payments)
        database.insert_new(connection, "dead_letters", letters)
    return database


def stored(folder: Path, table: str) -> list[Row]:
    """Return the table's rows as they are in the file."""
    with closing(sqlite3.connect(folder / "a.db")) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY source_offset").fetchall()  # noqa: S608 - names of ours


@given(
    ids=st.lists(IDS, max_size=8),
    letters=st.lists(st.tuples(KEYS, IDS, st.booleans()), max_size=8),
    wanted_ids=st.frozensets(IDS, max_size=2),
    wanted_keys=st.frozensets(KEYS.filter(bool), max_size=2),
    place=st.tuples(st.integers(0, 7), IDS),
    letter_place=st.integers(0, 7),
)
@settings(max_examples=examples(25))
def test_other_rows_stay(
    ids: list[int],
    letters: list[tuple[bytes | None, int, bool]],
    wanted_ids: frozenset[int],
    wanted_keys: frozenset[bytes],
    place: tuple[int, int],
    letter_place: int,
) -> None:
    """Rows are erased by id, key and place in Kafka, all others remain, and a second run finds nothing."""
    payments = [scored(offset, str(one)) for offset, one in enumerate(ids)]
    dead = [
        letter(offset, key, b'{"%s":%d' % (b"payment_id" if named else b"amount", one))
        for offset, (key, one, named) in enumerate(letters)
    ]
    wanted = Wanted(id_field=ID, payment_ids=frozenset(wanted_ids), keys=wanted_keys)
    places = [ScoredPlace(0, *place)], [Place(TOPIC, 0, letter_place, 0)]
    with TemporaryDirectory() as name:
        database = opened(Path(name), payments, dead)
        found = archive.find(database, wanted, TOPIC, *places)
        erased = archive.erase(database, found)
        assert erased == {table: len(rows) for table, rows in found.items()}
        assert stored(Path(name), "scored_payments") == [
            row for row in payments if int(row[5]) not in wanted_ids and (row[2], int(row[5])) != place
        ]
        gone = {
            offset
            for offset, (key, one, named) in enumerate(letters)
            if key in wanted_keys or (named and one in wanted_ids) or offset == letter_place
        }
        assert stored(Path(name), "dead_letters") == [row for row in dead if row[2] not in gone]
        assert not any(archive.find(database, wanted, TOPIC, *places).values())
        database.close()


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_the_file_keeps_nothing(tmp_path: Path, mode: str) -> None:
    """The file keeps nothing of erased rows, of rows that an earlier version deleted, or in WAL mode."""
    folder = tmp_path / "it's here"
    folder.mkdir()
    letters = [letter(offset, b"k%d" % (offset % 2), b"secret-of-%d" % (offset % 2) * 200) for offset in range(200)]
    database = opened(folder, [], letters)
    with closing(sqlite3.connect(folder / "a.db")) as other:
        other.execute(f"PRAGMA journal_mode={mode}")
        archive.erase(database, archive.find(database, Wanted(id_field=ID, keys=frozenset([b"k1"])), TOPIC, [], []))
        database.compact()
    database.close()
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"secret-of-0" in content
    assert b"secret-of-1" not in content


def test_letters_name_an_id_in_any_form(tmp_path: Path) -> None:
    """An id is found in letters that do not have its digits in a row, and in UTF-16."""
    forms = ["4711", "04711", "4.711e3", "471100E-2", ".4711e+4", '"4711"']
    values = [b'{"payment_id":%b' % form.encode() for form in forms] + ['{"payment_id":4711}'.encode("utf-16")]
    others = [b'{"payment_id":47110}', b'{"payment_id":4.711e4}', b'{"amount":4711e0}']
    letters = [letter(offset, None, value) for offset, value in enumerate([*values, *others])]
    database = opened(tmp_path, [], letters)
    wanted = Wanted(id_field=ID, payment_ids=frozenset([4711]))
    archive.erase(database, archive.find(database, wanted, TOPIC, [], []))
    assert [row[10] for row in stored(tmp_path, "dead_letters")] == others
    database.close()


def test_ids_of_any_text_are_found(tmp_path: Path) -> None:
    """Payments are found by text ids, also by those with characters that the archive stores in another way."""
    ids = ["a'b", "\u00e9", "a\x00b", "%s", "007"]
    others = ["a", "e", "ab", "7", ""]
    rows = [scored(offset, stored_text(one)) for offset, one in enumerate([*ids, *others])]
    database = opened(tmp_path, rows, [])
    wanted = Wanted(id_field=CARDS.fields[CARDS.id], payment_ids=frozenset(ids))
    archive.erase(database, archive.find(database, wanted, TOPIC, [], []))
    assert [row[5] for row in stored(tmp_path, "scored_payments")] == others
    database.close()
