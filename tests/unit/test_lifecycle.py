"""Errors that the event loop reports: broken connections are not logged as errors, everything else is."""

import asyncio
import gc
import logging
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from fraudstream.runtime import run

Context = dict[str, Any]


def logged(caplog: pytest.LogCaptureFixture, report: Callable[[asyncio.AbstractEventLoop], object]) -> list[str]:
    """Return the log lines of level error or above after `report` ran in a service's loop."""

    async def main(_: asyncio.Event) -> None:
        report(asyncio.get_running_loop())
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.sleep(0)

    with caplog.at_level(logging.DEBUG), structlog.testing.capture_logs() as captured:
        assert run.run(main) == 0
    ours = [str(line) for line in captured if line["log_level"] in {"error", "critical"}]
    return ours + [record.message for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    "context",
    [
        {"exception": ConnectionResetError(104, "Connection reset by peer")},
        {"exception": TimeoutError(110, "Connection timed out")},
        {"exception": OSError(113, "No route to host"), "message": "Fatal read error on socket transport"},
        {"exception": ssl.SSLError(1, "bad record"), "message": "SSL error in data received"},
        {"exception": BrokenPipeError(32, "Broken pipe"), "message": None},
        {"message": "socket.send() raised exception."},
    ],
)
def test_a_broken_connection_is_not_an_error(caplog: pytest.LogCaptureFixture, context: Context) -> None:
    """A broken connection is not an error, with or without a message, as uvloop and asyncio report it."""
    assert logged(caplog, lambda loop: loop.call_exception_handler(context)) == []


@pytest.mark.parametrize(
    "context",
    [
        {"exception": ValueError("ours")},
        {"exception": RuntimeError("ours"), "message": "Exception in callback"},
        {"exception": FileNotFoundError(2, "No such file", "ours")},
        {"message": "ours: Unclosed client session"},
        {"exception": AssertionError("ours"), "message": ""},
    ],
)
def test_a_bug_is_an_error(caplog: pytest.LogCaptureFixture, context: Context) -> None:
    """A bug is logged once, whether the context has a message, an exception or both."""
    lines = logged(caplog, lambda loop: loop.call_exception_handler(context))
    assert len(lines) == 1
    assert "Unhandled error in exception handler" not in lines[0]


def test_a_callback_that_raises_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """The loop itself reports the exception."""
    lines = logged(caplog, lambda loop: loop.call_soon([].pop))
    assert len(lines) == 1
    assert "pop" in lines[0]


def test_an_unawaited_task_of_ours_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """A failed task of ours is an error; a task that a client library drops is not."""

    async def fail() -> None:
        raise KeyError("ours")

    def drop(loop: asyncio.AbstractEventLoop) -> None:
        loop.create_future().set_exception(KeyError("a client's"))

    assert len(logged(caplog, lambda loop: loop.create_task(fail()) and None)) == 1
    caplog.clear()
    assert logged(caplog, drop) == []


def test_a_bug_in_main_ends_the_process() -> None:
    """The exception leaves `run`."""

    async def main(_: asyncio.Event) -> None:
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        run.run(main)


async def _fail(error: Exception) -> None:
    raise error


async def _wait(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        ended.append("cancelled")


def test_work_alongside_ends_with_the_block() -> None:
    """Work that runs alongside a block is cancelled, and its end awaited, however the block ends."""
    ended: list[str] = []

    async def main() -> None:
        async with run.alongside(_wait(ended), _wait(ended)):
            await asyncio.sleep(0)
        assert len(ended) == 2

    asyncio.run(main())


def test_the_blocks_error_is_raised_as_it_is() -> None:
    """An error of the block is raised with its cause, after the work alongside has ended."""
    ended: list[str] = []
    cause = OSError("the cause")

    async def main() -> None:
        async with run.alongside(_wait(ended)):
            await asyncio.sleep(0)
            raise ValueError("the block's") from cause

    with pytest.raises(ValueError, match="the block's") as raised:
        asyncio.run(main())
    assert raised.value.__cause__ is cause
    assert ended == ["cancelled"]


def test_an_error_alongside_ends_the_block() -> None:
    """An error of the work that runs alongside a block ends the block, and is raised as it is."""
    ended: list[str] = []

    async def main() -> None:
        async with run.alongside(_fail(ValueError("a bug"))):
            await _wait(ended)

    with pytest.raises(ValueError, match="a bug"):
        asyncio.run(main())
    assert ended == ["cancelled"]
