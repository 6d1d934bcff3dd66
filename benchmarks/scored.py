"""Scored payments made in advance by the scorer itself, so that writing them costs next to nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import workload
from benchmarks.records import Record, Template
from fraudstream.model import store
from fraudstream.model.features import matrix
from fraudstream.model.fraud_model import FraudModel, Thresholds
from fraudstream.payment import columns, decode_all
from fraudstream.runtime.settings import TopicSettings
from scorer.scoring import Scorer

_PAYMENTS = 20_000
_REVIEWED, _BLOCKED = 0.95, 0.99
"""Quantiles of the scores: 5 % are flagged."""
_DLQ_BYTES = 1 << 20
_MARK = "when it is scored"


def templates(models_dir: Path) -> list[Template]:
    """Return templates with the folder's model, and the reasons that it gives."""
    records = [Record(number, 0, key, value, []) for number, (key, value) in enumerate(workload.payments(_PAYMENTS))]
    model, _ = store.load(models_dir, store.NO_PINS)
    topics = TopicSettings.from_env({})
    scorer = Scorer(model=_flagging(model, records), topics=topics, limit=lambda _: _DLQ_BYTES)
    (outcome,) = scorer.decide({0: records}, {}, _MARK)
    return [Template.of(key or b"", value or b"", _MARK.encode()) for key, value, *_ in outcome.messages[topics.scored]]


def _flagging(model: FraudModel, records: list[Record]) -> FraudModel:
    """Return the model with thresholds at which it flags 5 %."""
    payments = [event for event in decode_all([record.value for record in records]) if isinstance(event, dict)]
    scores = model.score(matrix(columns(payments)))
    return replace(model, thresholds=Thresholds(*np.quantile(scores, [_REVIEWED, _BLOCKED]).tolist()), costs=None)
