"""Choice of the source by the settings."""

from random import Random

import numpy as np

from fraudstream.kafka.connection import Log
from fraudstream.runtime.settings import GeneratorSettings
from producer.files import FileSource
from producer.generator import SimulatedSource
from producer.identifiers import PaymentIds
from producer.malformed import WithMalformed
from producer.source import Source


def stream(settings: GeneratorSettings, ids: PaymentIds, log: Log) -> Source:
    """Return a user's file or the simulation as source, with malformed messages if configured."""
    source: Source
    if settings.file:
        source = FileSource(settings.file, ids, log)
    else:
        source = SimulatedSource(np.random.default_rng(settings.seed), ids)
    if settings.malformed_rate:
        source = WithMalformed(source, settings.malformed_rate, ids, Random(settings.seed))
    return source
