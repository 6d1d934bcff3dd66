"""Scoring a file, without Kafka: the same rules, the same model, the same columns."""
