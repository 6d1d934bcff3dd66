"""The common simple design: one message, one DataFrame, one prediction, one row, auto-commit."""

import csv
import json
import os
import warnings
from pathlib import Path

import joblib
import pandas as pd
from kafka import KafkaConsumer

FEATURES = ["amount", "country_risk_score", "failed_logins", "transaction_hour", "is_new_device"]
COLUMNS = ["payment_id", *FEATURES, "fraud_probability"]


def main() -> None:
    """Score until killed."""
    warnings.filterwarnings("ignore", "X has feature names")  # the model was fitted to a matrix
    model = joblib.load(Path(os.environ["MODELS_DIR"], "fraud_model.pkl"))
    consumer = KafkaConsumer(
        os.environ["INPUT_TOPIC"],
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        group_id=os.environ["CONSUMER_GROUP"],
        auto_offset_reset="earliest",
        enable_auto_commit=True,
        value_deserializer=lambda value: json.loads(value.decode()),
    )
    with Path(os.environ["CSV_PATH"]).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for message in consumer:
            payment = message.value
            frame = pd.DataFrame([payment])[FEATURES]
            payment["fraud_probability"] = model.predict_proba(frame)[0, 1]
            writer.writerow(payment)
            file.flush()


if __name__ == "__main__":
    main()
