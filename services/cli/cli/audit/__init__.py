"""Comparison of outputs with the input: `fraudstream verify`, `rebuild` and `model compare`."""
