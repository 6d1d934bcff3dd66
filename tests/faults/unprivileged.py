"""`python -m tests.faults.unprivileged SERVICE`: a service to which file modes apply, even when started as root."""

import os
import sys

DROPPED = "-dac_override,-dac_read_search"

if __name__ == "__main__":
    command = [sys.executable, "-m", sys.argv[1]]
    if os.geteuid() == 0:
        command = ["setpriv", f"--bounding-set={DROPPED}", f"--inh-caps={DROPPED}", *command]
    os.execvp(command[0], command)  # noqa: S606 - the purpose of this module
