"""Wiring: settings → logs → model → service."""

import asyncio
import os
import sys

from fraudstream import artifact, failpoints, logs
from fraudstream.drift.reference import Reference
from fraudstream.errors import FraudstreamError
from fraudstream.heartbeat import Heartbeat
from fraudstream.lifecycle import run
from fraudstream.settings import HeartbeatSettings, LogSettings
from scorer.service import ScorerSettings, serve


def main() -> int:
    log = logs.configure(LogSettings.from_env({}), "scorer")
    try:
        log = logs.configure(LogSettings.from_env(os.environ), "scorer")
        failpoints.arm(os.environ.get(failpoints.VARIABLE, ""))
        settings = ScorerSettings.from_env(os.environ)
        heartbeat = Heartbeat(HeartbeatSettings.from_env(os.environ).file)
        model, manifest = artifact.load(settings.model.models_dir)
        model = model.with_thresholds(settings.model.review_threshold, settings.model.block_threshold)
        reference = Reference.read(manifest.reference)
    except FraudstreamError as error:
        log.error("stopped", reason=str(error))
        return 1

    async def scorer(stop: asyncio.Event) -> None:
        log.info("scorer starts", guarantee=settings.group.guarantee, model=model.version)
        await serve(settings, model, reference, heartbeat, stop)
        log.info("scorer stopped")

    try:
        return run(scorer)
    finally:
        heartbeat.remove()


if __name__ == "__main__":
    sys.exit(main())
