"""Content of a scored payment in CSV and scored topic, which must be the same in both. Pure."""

Content = tuple[str | None, float, str, str]
"""Cell of the payment's id, probability, decision and model_version; no id if an earlier schema had another one."""

_NAMES = ("id", "fraud_probability", "decision", "model_version")


def agree(row: Content, event: Content) -> bool:
    """Return whether row and record have the same content; an id that only one of them has is not compared."""
    return row == event or (None in {row[0], event[0]} and row[1:] == event[1:])


def difference(row: Content, event: Content) -> str:
    """Return the values that differ, as text."""
    return "; ".join(
        f"{name}: CSV {ours}, topic {theirs}"
        for name, ours, theirs in zip(_NAMES, row, event, strict=True)
        if ours != theirs
    )
