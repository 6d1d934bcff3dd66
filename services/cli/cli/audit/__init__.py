"""Outputs compared with the input: `fraudstream verify`, `rebuild` and `model compare`."""
