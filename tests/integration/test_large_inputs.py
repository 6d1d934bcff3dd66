"""Inputs of many megabytes: a dead letter, a table file and a manifest, each shown or read in part or refused."""

import gzip
import tracemalloc
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from cli.dlq import showing
from fraudstream.errors import PaymentFileError
from fraudstream.model import store
from fraudstream.model.manifest import MOST_BYTES, parse_manifest
from fraudstream.payment_files.reading import opened
from fraudstream.payment_files.rows import payments
from fraudstream.payment_schema import default_schema
from tests.letters import letter_of, letter_record
from tests.scores import FORMAT
from tests.unit.test_artifact import save
from tests.unit.test_payment_files import Found, header


def test_of_a_huge_letter_the_beginning_is_shown() -> None:
    """The length is limited for any bytes: each could be an escape of four characters, or a line."""
    for part in (b"\0", b"\n", b"x"):
        letter = letter_of(letter_record(1, b""))
        huge = replace(
            letter, value=part * (8 << 20), key=part * (8 << 20), headers=[("\x1b" * 100_000, part * 100_000)] * 5_000
        )
        text = showing.text(huge, [], "dlq", 0, FORMAT.payment, masks=False, command="fs")
        assert len(text) < 20_000_000
        assert "7,340,032 more bytes; dlq export has all of them" in text
        assert "4,900 more; dlq export has all of them" in text


@pytest.mark.parametrize("filling", [b"{},", b"[[]],", b"1e9,", b'"",'])
def test_a_manifest_of_the_largest_size_takes_little_memory(tmp_path: Path, filling: bytes) -> None:
    """The content is arbitrary; a running scorer reads the manifest every two seconds."""
    save(tmp_path)
    content = (tmp_path / store.MANIFEST_FILE).read_bytes()
    start = b'"reference": {"costs": ['
    head, tail = content.split(b'"reference": {', 1)
    free = MOST_BYTES - len(content) - len(start)
    filled = head + start + (free // len(filling) * filling)[:-1] + b"]" + tail
    assert MOST_BYTES - 100 < len(filled) <= MOST_BYTES
    tracemalloc.start()
    try:
        parse_manifest(Path("m.json"), filled)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6


@cache
def endless() -> bytes:
    """Return 150 MiB in a few kilobytes."""
    return gzip.compress(header() + b"0" * (150 << 20))


@pytest.mark.parametrize("name", ["some.csv", "some.csv.gz", "some.jsonl.gz", "some.txt"])
def test_a_small_file_that_expands_without_end_is_refused(tmp_path: Path, name: str) -> None:
    """It is refused long before it is expanded."""
    path = tmp_path / name
    path.write_bytes(endless())
    with (
        pytest.raises(PaymentFileError, match="expands to more than 100 times its size"),
        opened(path, payments(default_schema(), lambda line: line)) as table,
    ):
        Found(table.batches)
