"""The trainer, a one-shot service: a history of payments → an evaluated, active model."""
