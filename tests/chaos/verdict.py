"""Checks after the storm, once all records are drained."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.__main__ import COMMANDS
from fraudstream.csv_file.journal import State
from fraudstream.csv_file.layout import Layout
from tests.chaos.load import Load
from tests.chaos.report import Report
from tests.chaos.watch import Reader
from tests.integration import offsets
from tests.integration.service import Service
from tests.oracle import assert_each_once, committed_records

_NAMED = 20
_VERIFY_TIMEOUT_S = 180


def judge(
    report: Report,
    reader: Reader,
    load: Load,
    state: State | None,
    path: Path,
    settings: Mapping[str, str],
    layout: Layout,
) -> int:
    """Run every check; each failure is a finding. Return the number of lost records."""
    bootstrap = settings["KAFKA_BOOTSTRAP_SERVERS"]
    lost = _lost(report, reader, load, bootstrap, settings["INPUT_TOPIC"])
    _files(report, state, path, layout)
    _transactions(report, bootstrap, (settings["SCORED_TOPIC"], settings["DLQ_TOPIC"]))
    _offsets(report, state, bootstrap, settings)
    try:
        assert_each_once(_whole(path), bootstrap, settings, id_name=layout.id_column)
    except (AssertionError, ValueError, TimeoutError) as error:
        report.add_finding(f"each once: {str(error)[:400] or type(error).__name__}")
    if "verify" in COMMANDS:
        _verify(report, path, settings)
    return lost


def _lost(report: Report, reader: Reader, load: Load, bootstrap: str, topic: str) -> int:
    lost = reader.lost()
    if lost:
        report.add_finding(f"lost: {len(lost)} records of the input are in no output: {lost[:_NAMED]}")
    missing = sorted(place for place in load.ledger if place not in reader.input)
    if load.unplaced:
        keys = {record.key for record in committed_records(bootstrap, topic)}
        missing += sorted((-1, int(key)) for key in load.unplaced - keys)
    if missing:
        report.add_finding(
            f"lost by the brokers: {len(missing)} acknowledged records are not in the input: {missing[:_NAMED]}"
        )
    return len(lost)


def _rotated(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.stem}.[0-9][0-9][0-9][0-9]{path.suffix}"))


def _whole(path: Path) -> Path:
    """Return one file with the rows of the CSV and of its rotated files."""
    rotated = _rotated(path)
    if not rotated:
        return path
    whole = path.parent.parent / "whole.csv"
    with whole.open("wb") as file:
        for number, part in enumerate([*rotated, path]):
            header, rows = part.read_bytes().split(b"\n", 1)
            file.write(rows if number else header + b"\n" + rows)
    return whole


def _files(report: Report, state: State | None, path: Path, layout: Layout) -> None:
    header = layout.header_line
    rotated = _rotated(path)
    ours = {path, *rotated, *(path.with_name(f".{path.name}.{kind}") for kind in ("journal", "lock", "claim"))}
    others = sorted(one.name for one in path.parent.iterdir() if one not in ours)
    if others:
        report.add_finding(f"files beside the CSV: {others}")
    for file in (*rotated, path):
        content = file.read_bytes()
        if not content.endswith(b"\n"):
            report.add_finding(f"{file.name} ends with {content[-80:]!r}")
        if content.count(header) != 1 or not content.startswith(header):
            report.add_finding(f"{file.name} has its header {content.count(header)} times")
    size = path.stat().st_size
    if state is None or (state.length, state.generation) != (size, len(rotated)):
        words = f"{state.length} and generation {state.generation}" if state else "nothing"
        report.add_finding(f"the CSV has {size} bytes after {len(rotated)} rotated files, the journal has {words}")


def _transactions(report: Report, bootstrap: str, topics: Sequence[str]) -> None:
    for topic in topics:
        stable, ends = (offsets.ends(bootstrap, topic, level) for level in ("read_committed", "read_uncommitted"))
        if stable != ends:
            report.add_finding(f"an open transaction in {topic}: stable {stable}, end {ends}")


def _offsets(report: Report, state: State | None, bootstrap: str, settings: Mapping[str, str]) -> None:
    committed = offsets.committed(bootstrap, settings["CONSUMER_GROUP"], settings["INPUT_TOPIC"])
    decided = (
        {partition: mark.offset + 1 for partition, mark in state.marks.items() if mark.offset >= 0} if state else {}
    )
    if {partition: offset for partition, offset in committed.items() if offset} != decided:
        report.add_finding(f"the group has committed {committed}, the journal has {decided}")


def _verify(report: Report, path: Path, settings: Mapping[str, str]) -> None:
    """Check that `fraudstream verify` comes to the same result."""
    with Service(path.parent.parent, "cli", settings, "verify") as verify:
        code = verify.wait(_VERIFY_TIMEOUT_S)
        if code != 0:
            report.add_finding(f"fraudstream verify ended with {code}:\n{verify.output[-2_000:]}")
