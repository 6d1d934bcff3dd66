"""A seeded storm over real Kafka and several scorers, and what must hold after it: `python -m tests.chaos`."""
