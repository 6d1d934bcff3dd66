"""`python -m tests.faults.nobody`: the scorer as a user who owns nothing, where we are root."""

import os
import sys

from scorer.__main__ import main

NOBODY = 65534

if __name__ == "__main__":
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    sys.exit(main())
