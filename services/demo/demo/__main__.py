"""Train if needed → embedded broker → scorer → dashboard → producer → stop in order, and print a summary."""

import asyncio
import csv
import os
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from demo import texts
from demo.broker import EmbeddedBroker
from demo.children import Service, free_port
from demo.service_settings import CSV, FOLDER, command_line, common, heartbeat, own, pace
from fraudstream.errors import SettingsError
from fraudstream.runtime import terminal
from fraudstream.runtime.heartbeat import unhealthy
from fraudstream.runtime.own_command import VARIABLE as OWN_COMMAND
from fraudstream.runtime.run import alongside, run, wait_for_stop
from fraudstream.runtime.settings import DashboardSettings, GeneratorSettings, TopicSettings

_READY_S = 60.0
_DRAIN_S = 15.0
_CHECK_EVERY_S = 0.1
_REMIND_EVERY_S = 30.0


async def main(stop: asyncio.Event) -> None:
    """Run the services until Ctrl-C or for DEMO_SECONDS. Raises SettingsError, or SystemExit if a service fails."""
    seconds = _seconds(os.environ.get("DEMO_SECONDS", ""))
    sending = GeneratorSettings.from_env(os.environ | pace(os.environ))
    _show(texts.welcome(sending.rate_per_s, sending.malformed_rate))
    _empty(FOLDER)
    if code := await (await Service.start("trainer", {OWN_COMMAND: command_line()})).wait():
        sys.exit(code)
    broker, started_s = EmbeddedBroker(), time.monotonic()
    code = await _score(stop, seconds, broker)
    sent, dead = _sent_and_dead(broker)
    ran_s = time.monotonic() - started_s
    _show(texts.summary(seconds=ran_s, sent=sent, decisions=_decisions(), dead=dead, csv=CSV))
    if code:
        sys.exit(code)


async def _score(stop: asyncio.Event, seconds: float | None, broker: EmbeddedBroker) -> int:
    """Run scorer, dashboard and producer, and stop them in order; return the scorer's exit code."""
    settings = common(broker.address, os.environ)
    ports = {name: free_port() for name in ("scorer", "producer")}
    wanted = DashboardSettings.from_env(os.environ).port
    page = free_port(wanted)
    scorer = await Service.start("scorer", settings | own("scorer", METRICS_PORT=ports["scorer"]))
    dashboard = None
    try:
        if await _wait_until_ready(scorer, stop):
            targets = ",".join(f"127.0.0.1:{port}" for port in ports.values())
            dashboard = await Service.start(
                "dashboard", settings | own("dashboard", DASHBOARD_PORT=page, METRICS_TARGETS=targets, METRICS_PORT="")
            )
            producer = await Service.start("producer", settings | own("producer", METRICS_PORT=ports["producer"]))
            async with alongside(_announce_page(texts.page_address(page, wanted), stop)):
                await _watch(stop, seconds, scorer, producer, dashboard)
            await producer.stop()
            await _drain(broker)
    finally:
        if dashboard:
            await dashboard.stop()
        code = await scorer.stop()
    return code


def _show(text: str) -> None:
    terminal.write(text)
    sys.stdout.flush()


async def _announce_page(text: str, stop: asyncio.Event) -> None:
    """Show `text` once the page is ready, and again at intervals: the log's lines soon move it off the screen."""
    while unhealthy(heartbeat("dashboard")):
        if await wait_for_stop(stop, _CHECK_EVERY_S):
            return
    while not stop.is_set():
        _show(text)
        await wait_for_stop(stop, _REMIND_EVERY_S)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _seconds(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise SettingsError(f"DEMO_SECONDS: {text!r} is not a number of seconds") from None


async def _wait_until_ready(scorer: Service, stop: asyncio.Event) -> bool:
    """Wait until the scorer is ready; return False if stopped first."""
    async with asyncio.timeout(_READY_S):
        while unhealthy(heartbeat("scorer")):
            if scorer.ended:
                sys.exit(1)
            if await wait_for_stop(stop, _CHECK_EVERY_S):
                return False
    return True


async def _watch(stop: asyncio.Event, seconds: float | None, *services: Service) -> None:
    """Wait until `stop` is set, `seconds` have passed, or a service ends."""
    waits = [asyncio.ensure_future(stop.wait()), *(asyncio.ensure_future(service.wait()) for service in services)]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def _drain(broker: EmbeddedBroker) -> None:
    """Wait until each message sent is scored or a dead letter, at most 15 s."""
    deadline = asyncio.get_running_loop().time() + _DRAIN_S
    while asyncio.get_running_loop().time() < deadline:
        sent, dead = _sent_and_dead(broker)
        if _decisions().total() + dead >= sent:
            return
        await asyncio.sleep(_CHECK_EVERY_S)


def _sent_and_dead(broker: EmbeddedBroker) -> tuple[int, int]:
    topics = TopicSettings.from_env(os.environ)
    return broker.records(topics.input), broker.records(topics.dlq)


def _decisions() -> Counter[str]:
    """Return the number of rows in the CSV by decision."""
    if not CSV.exists():
        return Counter()
    with CSV.open(encoding="utf-8", newline="") as file:
        return Counter(row["decision"] for row in csv.DictReader(file))


if __name__ == "__main__":
    sys.exit(run(main))
