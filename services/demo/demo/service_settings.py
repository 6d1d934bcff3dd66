"""Settings of the demo's services, from the embedded broker's address and the environment."""

import sys
from collections.abc import Mapping
from pathlib import Path

from demo.broker import PARTITIONS
from fraudstream.runtime.own_command import VARIABLE as OWN_COMMAND
from fraudstream.runtime.settings import GeneratorSettings, KafkaSettings

FOLDER = Path("outputs/demo")
CSV = FOLDER / "fraud_scores_stream.csv"
# drift is compared from 500 payments on: the page has data in all panels within a minute
_PER_SECOND = "20"
_MALFORMED_RATE = "0.01"


def pace(env: Mapping[str, str]) -> dict[str, str]:
    """Return the demo's rates, in place of those that `env` does not set; a user's file gets no malformed messages."""
    given = {name for name in GeneratorSettings.variables() if env.get(name)}
    return {
        **({} if given & {"PAYMENT_INTERVAL_S", "PAYMENTS_PER_SECOND"} else {"PAYMENTS_PER_SECOND": _PER_SECOND}),
        **({} if given & {"MALFORMED_RATE", "PAYMENTS_FILE"} else {"MALFORMED_RATE": _MALFORMED_RATE}),
    }


def common(address: str, env: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that all services have in addition to `env`."""
    return {
        **pace(env),
        # settings for another Kafka don't apply: this one needs no credentials
        **dict.fromkeys(KafkaSettings.variables(), ""),
        "KAFKA_BOOTSTRAP_SERVERS": address,
        "TOPIC_PARTITIONS": str(PARTITIONS),
        "PROCESSING_GUARANTEE": "at_least_once",  # the embedded broker keeps no offsets of transactions
        "CSV_PATH": str(CSV),
        OWN_COMMAND: f"KAFKA_BOOTSTRAP_SERVERS={address} {command_line()}",
    }


def command_line() -> str:
    """Return the path of `fraudstream` beside this interpreter: a user runs suggested commands in another terminal."""
    path = Path(sys.executable).with_name("fraudstream")
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def own(service: str, **settings: object) -> dict[str, str]:
    """Return the settings that only this service has."""
    return {name: str(value) for name, value in settings.items()} | {"HEARTBEAT_FILE": str(heartbeat(service))}


def heartbeat(service: str) -> Path:
    """Return the path of a service's heartbeat file."""
    return FOLDER / f".{service}-heartbeat"
