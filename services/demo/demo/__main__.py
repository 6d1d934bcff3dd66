"""Train if needed → embedded broker → scorer → dashboard → producer → stop in order, and print a summary."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

from demo.broker import PARTITIONS, EmbeddedBroker
from demo.children import Service, free_port
from fraudstream.errors import SettingsError
from fraudstream.runtime import terminal
from fraudstream.runtime.heartbeat import unhealthy
from fraudstream.runtime.run import run, wait_for_stop
from fraudstream.runtime.settings import DashboardSettings, GeneratorSettings, KafkaSettings, TopicSettings

FOLDER = Path("outputs/demo")
CSV = FOLDER / "fraud_scores_stream.csv"
_READY_S = 60.0
_DRAIN_S = 15.0
_CHECK_EVERY_S = 0.1
_DEFAULT_INTERVAL_S = "0.5"


async def main(stop: asyncio.Event) -> None:
    """Run the services until Ctrl-C or for DEMO_SECONDS. Raises SettingsError, or SystemExit if a service fails."""
    seconds = _seconds(os.environ.get("DEMO_SECONDS", ""))
    GeneratorSettings.from_env(os.environ)
    _empty(FOLDER)
    if code := await (await Service.start("trainer", {})).wait():
        sys.exit(code)
    broker = EmbeddedBroker()
    settings = _settings(broker.address)
    ports = {name: free_port() for name in ("scorer", "producer")}
    page = free_port(DashboardSettings.from_env(os.environ).port)
    scorer = await Service.start("scorer", settings | _own("scorer", METRICS_PORT=ports["scorer"]))
    dashboard = None
    try:
        if await _wait_until_ready(scorer, stop):
            targets = ",".join(f"127.0.0.1:{port}" for port in ports.values())
            dashboard = await Service.start(
                "dashboard", settings | _own("dashboard", DASHBOARD_PORT=page, METRICS_TARGETS=targets, METRICS_PORT="")
            )
            producer = await Service.start("producer", settings | _own("producer", METRICS_PORT=ports["producer"]))
            await _watch(stop, seconds, scorer, producer, dashboard)
            await producer.stop()
            await _drain(broker)
    finally:
        if dashboard:
            await dashboard.stop()
        code = await scorer.stop()
    _report(broker)
    if code:
        sys.exit(code)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _own(service: str, **settings: object) -> dict[str, str]:
    """Return the settings that only this service gets."""
    return {name: str(value) for name, value in settings.items()} | {"HEARTBEAT_FILE": str(_heartbeat(service))}


def _heartbeat(service: str) -> Path:
    return FOLDER / f".{service}-heartbeat"


def _settings(address: str) -> dict[str, str]:
    has_pace = {"PAYMENT_INTERVAL_S", "PAYMENTS_PER_SECOND"} & os.environ.keys()
    return {
        **({} if has_pace else {"PAYMENT_INTERVAL_S": _DEFAULT_INTERVAL_S}),
        # settings for another Kafka don't apply: this one needs no credentials
        **dict.fromkeys(KafkaSettings.variables(), ""),
        "KAFKA_BOOTSTRAP_SERVERS": address,
        "TOPIC_PARTITIONS": str(PARTITIONS),
        "PROCESSING_GUARANTEE": "at_least_once",  # the embedded broker keeps no offsets of transactions
        "CSV_PATH": str(CSV),
    }


def _seconds(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise SettingsError(f"DEMO_SECONDS: {text!r} is not a number of seconds") from None


async def _wait_until_ready(scorer: Service, stop: asyncio.Event) -> bool:
    """Wait until the scorer is ready; return False if stopped first."""
    async with asyncio.timeout(_READY_S):
        while unhealthy(_heartbeat("scorer")):
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
        if _rows() + dead >= sent:
            return
        await asyncio.sleep(_CHECK_EVERY_S)


def _sent_and_dead(broker: EmbeddedBroker) -> tuple[int, int]:
    topics = TopicSettings.from_env(os.environ)
    return broker.records(topics.input), broker.records(topics.dlq)


def _rows() -> int:
    if not CSV.exists():
        return 0
    with CSV.open("rb") as file:
        return sum(1 for _ in file) - 1


def _report(broker: EmbeddedBroker) -> None:
    sent, dead = _sent_and_dead(broker)
    terminal.write(
        f"\n{sent} payments sent, {_rows()} scored in {CSV}, {dead} dead letters.\n"
        "This mode: the CSV has each payment exactly once; the topics at least once (the embedded broker has no\n"
        "transactions and forgets all at the end). docker compose up --build runs it on Kafka, exactly once "
        "throughout.\n"
    )


if __name__ == "__main__":
    sys.exit(run(main))
