"""The trainer: a history of payments → a checked, active model. One-shot."""
