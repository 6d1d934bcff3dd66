"""Outputs held against the input: `fraudstream verify`, and `fraudstream rebuild` for a CSV that was lost."""
