"""Drift: comparison of recent payments with those that the model was trained on."""
