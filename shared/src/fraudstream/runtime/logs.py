"""structlog set-up: one line per event, for a terminal or as JSON; Kafka's client logs at debug level only."""

import logging
import re
import sys
import textwrap
from io import StringIO
from typing import Any, TextIO

import structlog

from fraudstream.runtime.escaping import ascii_json, visible, visible_text
from fraudstream.runtime.settings import LogSettings

_PAYMENT_FIELDS = {"payment_id", "amount", "fraud_probability"}
_FILE_POSITION = re.compile(r"\b(?:line [\d,]+|columns?)\b")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


def configure(settings: LogSettings, service: str, stream: TextIO | None = None) -> structlog.stdlib.BoundLogger:
    """Set up logging for this process and return its logger, bound to the service's name. Call once.

    Logs are written to standard output, or to `stream` if standard output has another purpose.
    """
    stream = stream or sys.stdout
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(
            fmt="%Y-%m-%dT%H:%M:%S.%fZ" if settings.format == "json" else "%H:%M:%S", utc=True
        ),
    ]
    render: list[structlog.typing.Processor]
    if settings.format == "json":
        # without local variables: they hold payments
        traceback = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        render = [
            structlog.processors.ExceptionRenderer(traceback),
            structlog.processors.JSONRenderer(serializer=ascii_json),
        ]
    else:
        console = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), pad_event_to=24, sort_keys=False, exception_formatter=_write_traceback
        )
        render = [_escape, console]
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    structlog.configure(
        processors=[
            *([] if settings.payments else [_remove_payments]),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # it would log the password of a login, and values from which a password can be guessed
    logging.getLogger("aiokafka.conn").addFilter(_has_no_secret)
    # it logs ten times a second what our own lines report once, with what a user can do; its requests hold payments
    quiet = level > logging.DEBUG or not settings.payments
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL if quiet else logging.NOTSET)
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(service)
    return logger.bind(service=service) if settings.format == "json" else logger


def _escape(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Escape control characters in keys, texts and other values; a traceback's text is escaped later."""
    event["event"] = str(event.get("event", ""))
    return {visible(key): value if key == "exc_info" else _printable(value) for key, value in event.items()}


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    shown = repr(value)
    escaped = visible(shown)
    return value if escaped == shown else escaped


def _write_traceback(stream: TextIO, error: structlog.typing.ExcInfo) -> None:
    text = StringIO()
    structlog.dev.plain_traceback(text, error)
    stream.write("\n" + textwrap.indent(visible_text(text.getvalue().strip("\n")), "  "))


def _remove_payments(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Drop the line of a single payment; remove quotations of a rejected row, or of a file's cell."""
    if not _PAYMENT_FIELDS.isdisjoint(event):
        raise structlog.DropEvent
    event.pop("detail", None)
    reason = event.get("reason")
    if isinstance(reason, str) and _FILE_POSITION.search(reason):
        event["reason"] = _QUOTED.sub("'…'", reason)
    return event


def _has_no_secret(record: logging.LogRecord) -> bool:
    """Return whether the record's arguments contain no request or response of a login."""
    values = record.args if isinstance(record.args, tuple) else ()
    return not any(type(value).__name__.startswith("Sasl") for value in values)
