"""Terminal output: no text of a payment, file or topic can move the cursor, hide itself, or forge a line."""

import ast
import io
import json
import logging
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz import examples

from cli.audit.comparison import Comparison
from cli.audit.merge import Finding, Kind
from cli.audit.report import Judged, Report
from cli.tables import aligned
from fraudstream.runtime import logs, terminal
from fraudstream.runtime.escaping import ascii_json, visible, visible_text
from fraudstream.runtime.settings import LogSettings

ROOT = Path(__file__).parents[2]
HOSTILE = "a\x1b[2J\x07\r\nforged \x7f\x9b31m \u2028\u2029\u202e\u2066\u200b\ufeff\ud800\x00"
texts = st.text(st.characters()) | st.lists(
    st.sampled_from([*HOSTILE, "\x1b]0;title\x07", "\x85", "x", " ", "="]), max_size=12
).map("".join)
values = st.recursive(texts | st.integers() | st.none() | st.binary(), lambda one: st.lists(one, max_size=3))


class Odd:
    """An object with its own representation."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _logged(log_format: str, event: Any, fields: dict[str, Any], *, error: BaseException | None = None) -> str:
    stream = io.StringIO()
    log = logs.configure(LogSettings.from_env({"LOG_FORMAT": log_format}), "test", stream)
    log.info(event, exc_info=error, **fields)
    return stream.getvalue()


def _is_printable(text: str) -> bool:
    """Return whether no character is in Unicode's control, format, surrogate, private or separator categories."""
    return not any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for one in text)


@pytest.mark.parametrize("log_format", ["console", "json"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(300))
@given(event=texts, key=texts, value=values, odd=texts)
def test_a_log_line_is_one_printable_line(log_format: str, event: str, key: str, value: Any, odd: str) -> None:
    """The hostile text is in the event, a field's name or its value, also nested or from an object."""
    reserved = {
        "event",
        "level",
        "timestamp",
        "exc_info",
        "stack_info",
        "exception",
        "stack",
        "logger",
        "positional_args",
    }
    fields = {f"_{key}" if key in reserved else key: value, "odd": Odd(odd)}
    line = _logged(log_format, event, fields)
    assert line.endswith("\n")
    assert _is_printable(line[:-1])
    if log_format == "json":
        assert json.loads(line)["event"] == event


@given(texts)
@settings(max_examples=examples(100))
def test_a_line_of_another_library(text: str) -> None:
    """Python's own logging uses the same formatter."""
    stream = io.StringIO()
    logs.configure(LogSettings.from_env({}), "test", stream)
    logging.getLogger("other").error("%s", text)
    assert _is_printable(stream.getvalue()[:-1])


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_forges_no_line(log_format: str) -> None:
    """Its lines are indented, unlike lines of the log."""
    text = _logged(log_format, "failed", {}, error=ValueError(HOSTILE))
    first, *others = text.rstrip("\n").split("\n")
    assert all(_is_printable(line) for line in (first, *others))
    assert all(not line or line.startswith("  ") for line in others)
    assert "ValueError" in text


def test_colours_stay_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, the renderer's own escape sequences remain, and no others."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    logs.configure(LogSettings.from_env({}), "test", stream).info("plain", field="\x1b[2J")
    line = stream.getvalue()
    assert "\x1b[" in line
    assert "\x1b[2J" not in line
    assert "\\x1b[2J" in line


@given(texts)
def test_output_of_a_command(text: str) -> None:
    """Line ends are kept; other control characters are escaped, and printable text is unchanged."""
    stream = io.StringIO()
    terminal.write(text, stream)
    written = stream.getvalue()
    assert _is_printable(written.replace("\n", ""))
    assert written.count("\n") == text.count("\n")
    assert visible_text(written) == written
    if _is_printable(text):
        assert written == text
    assert _is_printable(ascii_json({text: [text]}))
    assert json.loads(ascii_json({text: [text]})) == {text: [text]}


@given(texts)
def test_data(text: str) -> None:
    """Data are unchanged in a pipe or a file; on a terminal they are escaped as any output of a command."""
    data = text.encode(errors="replace").decode()
    for is_terminal, expected in ((False, data), (True, visible_text(data))):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="")
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(stream, "isatty", lambda is_terminal=is_terminal: is_terminal)
            patched.setattr(sys, "stdout", stream)
            terminal.write_data(data)
        stream.flush()
        assert stream.buffer.getvalue().decode() == expected


@given(texts)
def test_cells_and_findings_are_one_line(text: str) -> None:
    """A value with a line end adds no line to a table or a report."""
    (line,) = aligned([("a", text, "b")])
    assert _is_printable(line)
    judged = Judged(
        partition=0, start=0, end=1, examples=[Finding(kind=Kind.UNREADABLE, offsets=range(0), detail=text)]
    )
    report = Report(topic="in", partitions=[judged], unreadable=2, unreadable_lines=[text], notes=[text]).text()
    assert all(map(_is_printable, report.split("\n")))
    harmless = Judged(
        partition=0, start=0, end=1, examples=[Finding(kind=Kind.UNREADABLE, offsets=range(0), detail="x")]
    )
    expected = Report(topic="in", partitions=[harmless], unreadable=2, unreadable_lines=["x"], notes=["x"]).text()
    assert report.count("\n") == expected.count("\n")
    assert Comparison(payments=1).text(text, text).count("\n") == Comparison(payments=1).text("x", "x").count("\n")


def test_every_character_that_is_not_shown_is_escaped() -> None:
    """Every character of Unicode is tested; every tenth by `make unit`."""
    for code in range(0, 0x110000, 0x110000 // examples(0x110000)):
        assert _is_printable(visible(chr(code)))


def _prints(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return bool(
        calls & {"print", "sys.stdout.write", "sys.stderr.write", "sys.stdout.writelines", "sys.stdout.buffer.write"}
    )


def test_everything_printed_takes_the_same_way() -> None:
    """Only the script that runs as root does not, and data for a pipe or a file, which `terminal` itself writes."""
    places = {
        str(path.relative_to(ROOT))
        for folder in ("shared/src", "services")
        for path in (ROOT / folder).rglob("*.py")
        if _prints(path)
    }
    assert places == {"services/volumes/prepare.py", "shared/src/fraudstream/runtime/terminal.py"}


def test_a_log_keeps_its_colours(capsys: pytest.CaptureFixture[str]) -> None:
    """Colours only: nothing that clears the screen, hides text or sets a title."""
    terminal.write("\x1b[31mBLOCK\x1b[0m \x1b[8m\x1b[2J \x1b]0;t\x07\n", keeps_colors=True)
    assert capsys.readouterr().out == "\x1b[31mBLOCK\x1b[0m \\x1b[8m\\x1b[2J \\x1b]0;t\\x07\n"


@given(texts)
def test_a_text_without_colours_is_written_as_any_other(text: str) -> None:
    """Where colours may be kept, all else is escaped in the same way."""
    one, other = io.StringIO(), io.StringIO()
    terminal.write(text, one)
    terminal.write(text, other, keeps_colors=True)
    assert other.getvalue() == one.getvalue()
