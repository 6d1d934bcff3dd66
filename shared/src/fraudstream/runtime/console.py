"""Log lines for people: time, event and fields in columns, in colour on request; untrusted text in them is escaped."""

import textwrap
from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any, NamedTuple, TextIO

import structlog
from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter

from fraudstream.runtime.escaping import visible, visible_text

RESET, BOLD, DIM = "\x1b[0m", "\x1b[1m", "\x1b[2m"
RED, GREEN, YELLOW, MAGENTA, CYAN = (f"\x1b[{number}m" for number in (31, 32, 33, 35, 36))

_TIME_WIDTH, _EVENT_WIDTH = 9, 25
_LEVELS = {"debug": DIM, "info": BOLD, "warning": YELLOW, "error": RED, "critical": RED}
_QUOTED = frozenset(" \t=\r\n\"'")


class Headline(NamedTuple):
    """A line with a format of its own: a word, its colour, and the text after it."""

    word: str
    color: str
    text: str


Headlines = Mapping[str, Callable[[Mapping[str, Any]], Headline]]
"""By event, the function that formats its fields."""


class Console:
    """The last processor of structlog: an event → its line, which lacks its level if that is info."""

    def __init__(self, headlines: Headlines, *, colors: bool) -> None:
        self._headlines = headlines
        self._colors = colors
        self._fields = ConsoleRenderer(
            columns=[
                Column("timestamp", self._column(DIM, width=_TIME_WIDTH)),
                Column("level", self._level),
                Column("event", self._column(BOLD, width=_EVENT_WIDTH)),
                Column("", self._column(CYAN, has_key=True)),
            ],
            sort_keys=False,
            exception_formatter=_write_traceback,
        )

    def __call__(self, logger: Any, method: str, event: structlog.typing.EventDict) -> str:
        """Return the line of an event."""
        if make := self._headlines.get(event["event"]):
            line = make(event)
            time = self._painted(event["timestamp"], DIM)
            return f"{time}  {self._painted(visible(line.word), line.color)}{visible(line.text)}".rstrip()
        return str(self._fields(logger, method, _escaped(event)))

    def _column(self, style: str, *, width: int = 0, has_key: bool = False) -> KeyValueColumnFormatter:
        style, reset = (style, RESET) if self._colors else ("", "")
        return KeyValueColumnFormatter(
            key_style=style if has_key else None,
            value_style="" if has_key else style,
            reset_style=reset,
            value_repr=_quoted if has_key else str,
            width=width,
        )

    def _level(self, key: str, value: object) -> str:  # noqa: ARG002 - the signature of a column
        name = str(value)
        return "" if name == "info" else self._painted(name.upper(), _LEVELS.get(name, BOLD)) + " "

    def _painted(self, text: str, style: str) -> str:
        return f"{style}{text}{RESET}" if self._colors else text


def _escaped(event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Escape control characters in keys, texts and other values; a traceback's text is escaped later."""
    event["event"] = str(event.get("event", ""))
    return {visible(key): value if key == "exc_info" else _printable(value) for key, value in event.items()}


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    shown = repr(value)
    escaped = visible(shown)
    return value if escaped == shown else escaped


def _quoted(value: object) -> str:
    """Return a value as it appears after its key: a text without quotes unless its end would be unclear."""
    return value if isinstance(value, str) and _QUOTED.isdisjoint(value) else repr(value)


def _write_traceback(stream: TextIO, error: structlog.typing.ExcInfo) -> None:
    text = StringIO()
    structlog.dev.plain_traceback(text, error)
    stream.write("\n" + textwrap.indent(visible_text(text.getvalue().strip("\n")), "  "))
