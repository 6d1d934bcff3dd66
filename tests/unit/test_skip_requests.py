"""Requests to skip a batch: a scorer continues with any content in their place, and writes to nothing else."""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from cli.skip import add_arguments
from fraudstream.csv_file.skip_requests import SkipRequest, SkipRequests

PARTITION = 3
REQUEST = SkipRequest(topic="payments", partition=PARTITION, offset=17)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Provide the path of the request."""
    return tmp_path / f"scores.csv.skip-{PARTITION}"


@pytest.fixture
def requests(tmp_path: Path) -> SkipRequests:
    """Provide the requests beside a CSV."""
    return SkipRequests(tmp_path / "scores.csv")


def test_a_request_is_read_and_answered_and_withdrawn(requests: SkipRequests, path: Path) -> None:
    """No file remains."""
    requests.leave(REQUEST)
    assert requests.pending(PARTITION) == REQUEST
    assert requests.answered(PARTITION) is None
    requests.answer(PARTITION, "skipped")
    assert requests.pending(PARTITION) is None
    assert requests.answered(PARTITION) == "skipped"
    requests.withdraw(PARTITION)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\0{",
        b"[]",
        b"[" * 100_000,
        b'{"a":' * 4_000,
        b'{"topic": "payments", "partition": 3, "offset": 1e999}',
        b'{"topic": "payments", "partition": 3, "offset": NaN}',
        b'{"topic": "payments", "partition": 3, "offset": ' + b"9" * 9_000 + b"}",
        b'{"topic": "payments", "partition": null, "offset": {}}',
        b'{"topic": "payments", "partition": 3, "offset": 17.9}',
    ],
    ids=range(10),
)
def test_an_invalid_request_requests_nothing(requests: SkipRequests, path: Path, content: bytes) -> None:
    """The content of the file is arbitrary."""
    path.write_bytes(content)
    assert requests.pending(PARTITION) is None
    assert requests.answered(PARTITION) is None


PLANTED: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "an endless file": lambda path: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a link to a request": lambda path: path.symlink_to(_elsewhere(path)),
}


def _elsewhere(path: Path) -> Path:
    other = path.with_name("elsewhere")
    other.write_text(json.dumps(asdict(REQUEST)))
    return other


@pytest.mark.parametrize("what", PLANTED)
def test_a_file_not_written_by_us_requests_nothing(requests: SkipRequests, path: Path, what: str) -> None:
    """Such a file is not waited for either."""
    PLANTED[what](path)
    assert requests.pending(PARTITION) is None


def test_a_link_is_replaced_and_not_written_to(requests: SkipRequests, path: Path) -> None:
    """This holds for the request's name and for its temporary name."""
    other = path.with_name("other")
    other.write_text("kept")
    path.symlink_to(other)
    path.with_name(f".{path.name}.{os.getpid()}").symlink_to(other)
    requests.leave(REQUEST)
    assert requests.pending(PARTITION) == REQUEST
    assert other.read_text() == "kept"


@pytest.mark.parametrize(("partition", "offset"), [("-1", "5"), ("1" * 10, "5"), ("0", "-5"), ("0", "9" * 4_000)])
def test_a_place_that_no_topic_has(partition: str, offset: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused at once: a request with thousands of digits could not be read, and the command would wait."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--", "payments", partition, offset])
    assert "digits" in capsys.readouterr().err
    assert parser.parse_args(["payments", "3", "9" * 18]).offset == 10**18 - 1
