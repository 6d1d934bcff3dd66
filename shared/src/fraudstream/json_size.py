"""A limit on JSON that is parsed: each value in it takes up to 2 KB once the parser has refused it. Pure."""

MOST_BYTES = 1 << 20
"""Kafka's own limit for a message, unless a topic's is raised."""
_STARTS = (b",", b"[", b"{", b":")


def excess(text: bytes, most_values: int) -> str:
    """Return why `text` is not parsed; empty where it has at most MOST_BYTES and about `most_values` values."""
    if len(text) > MOST_BYTES:
        return f"it has more than {MOST_BYTES:,} bytes"
    if len(text) > most_values and sum(map(text.count, _STARTS)) > most_values:
        return f"it has more than {most_values:,} commas, colons and brackets"
    return ""
