"""Scored payments made in advance by the scorer itself, so that writing them costs next to nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import workload
from benchmarks.records import Record, Template
from fraudstream.model import store
from fraudstream.model.fraud_model import FraudModel, Thresholds
from fraudstream.payment import InvalidPayment
from fraudstream.payment_schema import default_schema
from fraudstream.runtime.settings import TopicSettings
from fraudstream.scored_payment import ScoredFormat
from scorer.scoring import Scorer

_FORM = ScoredFormat(default_schema())
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
    scorer = Scorer(form=_FORM, model=_flagging(model, records), topics=topics, limit=lambda _: _DLQ_BYTES)
    (outcome,) = scorer.decide({0: records}, {}, _MARK)
    return [Template.of(key or b"", value or b"", _MARK.encode()) for key, value, *_ in outcome.messages[topics.scored]]


def _flagging(model: FraudModel, records: list[Record]) -> FraudModel:
    """Return the model with thresholds at which it flags 5 %."""
    events = _FORM.payment.decode_all([record.value for record in records])
    payments = _FORM.payment.columns([event for event in events if not isinstance(event, InvalidPayment)])
    scores = model.score(model.matrix(payments))
    return replace(model, thresholds=Thresholds(*np.quantile(scores, [_REVIEWED, _BLOCKED]).tolist()), costs=None)
