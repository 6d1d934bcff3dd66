"""`python -m trainer [--force]`: train a model on the history, unless a stored version already matches it."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

import structlog

from fraudstream.errors import FraudstreamError
from fraudstream.payment_schema import PaymentSchema
from fraudstream.runtime import logs
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.run import PRIVATE_UMASK
from fraudstream.runtime.schema_file import load_schema
from fraudstream.runtime.settings import LogSettings, ModelSettings, TrainingSettings
from trainer import history, train


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer", description=__doc__)
    parser.add_argument("--force", action="store_true", help="train even if a stored version matches")
    force = parser.parse_args(arguments).force
    os.umask(PRIVATE_UMASK)
    try:
        logs.configure(LogSettings.from_env(env), "trainer")
        run(load_schema(env), ModelSettings.from_env(env), TrainingSettings.from_env(env), force=force)
    except FraudstreamError as error:
        structlog.get_logger().error("stopped", reason=str(error))
        return 1
    return 0


def run(schema: PaymentSchema, models: ModelSettings, training: TrainingSettings, *, force: bool) -> None:
    log = structlog.get_logger("trainer")
    past = history.read(training.data, schema, training.max_rejected_rows)
    log.info("history read", file=str(training.data), payments=past.count, frauds=past.fraud_count)
    if match := None if force else train.already_trained(past, training, models.models_dir):
        active = train.ensure_active(match, models.models_dir, models.pinned, schema)
        log.info("training skipped", kept=match.version, active=active, why="same history, settings and libraries")
        if active != match.version:
            log.info("another version is active", action=own_command(f"model promote {match.version}"))
        return
    log.info("training a model", meaning="kinds of models are compared: seconds, or minutes for a large history")
    train.train(past, training, models.models_dir)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
