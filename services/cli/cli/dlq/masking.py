"""Masks for the parts of dead letters that may hold secrets: key, value and headers. Pure.

The dead-letter topic keeps the original messages, secrets included. A key may repeat a secret field, and an invalid
message may have a secret anywhere, so that all of these parts are masked if the schema has secret fields.
"""


def mask(content: bytes) -> str:
    """Return the text shown in place of `content`."""
    return f"masked ({len(content):,} bytes; --raw shows them)"
