"""Number of cases that tests with random input try."""

import os

_SHARE = float(os.environ.get("FUZZ_SHARE", "1"))


def examples(usual: int) -> int:
    """Return that part of the usual number which FUZZ_SHARE requests: `make unit` sets 0.1."""
    return max(1, round(usual * _SHARE))


def cases(usual: int) -> int:
    """Return FUZZ_CASES, such as 100000 for a long run, or `examples(usual)` if it is not set."""
    return int(os.environ.get("FUZZ_CASES", examples(usual)))
