"""A Python stream processor, exactly once: the model called for each message, as its API requires."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from quixstreams import Application, message_context

FEATURES = ("amount", "country_risk_score", "failed_logins", "transaction_hour", "is_new_device")
REVIEW, BLOCK = 0.1, 0.5


def main() -> None:
    """Score until terminated."""
    model = joblib.load(Path(os.environ["MODELS_DIR"], "fraud_model.pkl"))

    def scored(payment: dict[str, Any]) -> dict[str, Any]:
        matrix = np.array([[payment[name] for name in FEATURES]], dtype=np.float64)
        probability = round(float(model.predict_proba(matrix)[0, 1]), 6)
        source = message_context()
        return {
            **payment,
            "fraud_probability": probability,
            "decision": "block" if probability >= BLOCK else "review" if probability >= REVIEW else "approve",
            "model_version": "benchmark",
            "reasons": [],
            "source_partition": source.partition,
            "source_offset": source.offset,
            "scored_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }

    application = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        consumer_group=os.environ["CONSUMER_GROUP"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=os.environ["STATE_DIR"],
        auto_create_topics=False,
        loglevel="WARNING",
    )
    payments = application.topic(os.environ["INPUT_TOPIC"], key_deserializer="bytes", value_deserializer="json")
    output = application.topic(os.environ["SCORED_TOPIC"], key_serializer="bytes", value_serializer="json")
    application.dataframe(payments).apply(scored).to_topic(output)
    application.run()


if __name__ == "__main__":
    main()
