"""structlog set-up: one line per event, for a terminal or as JSON; Kafka's client logs at debug level only."""

import logging
import re
import sys
from types import MappingProxyType
from typing import TextIO

import structlog

from fraudstream.runtime.console import Console, Headlines
from fraudstream.runtime.escaping import ascii_json
from fraudstream.runtime.settings import LogSettings

_PAYMENT_FIELDS = {"payment_id", "amount", "fraud_probability", "reasons"}
_NO_HEADLINES: Headlines = MappingProxyType({})
_FILE_POSITION = re.compile(r"\b(?:line [\d,]+|columns?)\b")
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")


def configure(
    settings: LogSettings, service: str, stream: TextIO | None = None, headlines: Headlines = _NO_HEADLINES
) -> structlog.stdlib.BoundLogger:
    """Set up logging for this process and return its logger, bound to the service's name. Call once.

    Logs are written to standard output, or to `stream` if standard output has another purpose. `headlines` are the
    events whose lines for people have a format of their own.
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
        render = [Console(headlines, colors=settings.uses_colors(is_terminal=stream.isatty()))]
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
    if level > logging.DEBUG:
        handler.addFilter(_is_ours_or_warning)
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


def _remove_payments(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Drop the line of a single payment; remove quotations of a rejected row, or of a file's cell."""
    if not _PAYMENT_FIELDS.isdisjoint(event):
        raise structlog.DropEvent
    event.pop("detail", None)
    reason = event.get("reason")
    if isinstance(reason, str) and _FILE_POSITION.search(reason):
        event["reason"] = _QUOTED.sub("'…'", reason)
    return event


def _is_ours_or_warning(record: logging.LogRecord) -> bool:
    """Return whether the record is an event of ours, or a library's warning: matplotlib logs its font cache at info."""
    return isinstance(record.msg, dict) or record.levelno >= logging.WARNING


def _has_no_secret(record: logging.LogRecord) -> bool:
    """Return whether the record's arguments contain no request or response of a login."""
    values = record.args if isinstance(record.args, tuple) else ()
    return not any(type(value).__name__.startswith("Sasl") for value in values)
