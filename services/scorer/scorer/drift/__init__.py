"""Drift: whether payments still look like those that the model was trained on."""
