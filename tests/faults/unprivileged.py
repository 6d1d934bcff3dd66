"""`python -m tests.faults.unprivileged`: the scorer as one to whom file modes apply, also where we are root."""

import os
import sys

DROPPED = "-dac_override,-dac_read_search"

if __name__ == "__main__":
    command = [sys.executable, "-m", "scorer"]
    if os.geteuid() == 0:
        command = ["setpriv", f"--bounding-set={DROPPED}", f"--inh-caps={DROPPED}", *command]
    os.execvp(command[0], command)  # noqa: S606 - that is the point
