"""Number of cases that a test with random input tries."""

import os


def cases(usual: int) -> int:
    """Return FUZZ_CASES, such as 100000 for a long run, or the usual number if it is not set."""
    return int(os.environ.get("FUZZ_CASES", usual))
