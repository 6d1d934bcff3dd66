"""A seeded storm over real Kafka and several scorers, and the checks after it: `python -m tests.chaos`."""
