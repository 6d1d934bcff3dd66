"""Entry point of the scorer: settings → logs → model → service."""

import asyncio
import os
import sys

from fraudstream.errors import FraudstreamError
from fraudstream.runtime import failpoints, logs
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.run import run
from fraudstream.runtime.settings import HeartbeatSettings, LogSettings
from scorer.service import ScorerSettings, champion, serve


def main() -> int:
    log = logs.configure(LogSettings.from_env({}), "scorer")
    try:
        log = logs.configure(LogSettings.from_env(os.environ), "scorer")
        failpoints.arm(os.environ.get(failpoints.VARIABLE, ""))
        settings = ScorerSettings.from_env(os.environ)
        heartbeat = Heartbeat(HeartbeatSettings.from_env(os.environ).file)
        model = champion(settings.model)
    except FraudstreamError as error:
        log.error("stopped", reason=str(error))
        return 1

    async def scorer(stop: asyncio.Event) -> None:
        log.info("scorer starts", guarantee=settings.group.guarantee, model=model.model.version)
        model.explain_version()
        await serve(settings, model, heartbeat, stop)
        log.info("scorer stopped")

    try:
        return run(scorer)
    finally:
        heartbeat.remove()


if __name__ == "__main__":
    sys.exit(main())
