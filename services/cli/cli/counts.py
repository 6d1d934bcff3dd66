"""Numbers with their nouns, in the singular or the plural. Pure."""


def counted(count: int, noun: str) -> str:
    """Return the number and the noun, such as `1 dead letter` or `1,200 dead letters`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
