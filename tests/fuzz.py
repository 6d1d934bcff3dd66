"""How many cases a test with random input tries."""

import os


def cases(usual: int) -> int:
    """Return FUZZ_CASES, as 100000 for a long run, or the usual number where it is not set."""
    return int(os.environ.get("FUZZ_CASES", usual))
