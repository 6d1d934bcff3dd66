"""The command `fraudstream` as the user can run it, for hints in logs, errors and output."""

import os

VARIABLE = "FRAUDSTREAM_COMMAND"
_INSTALLED = "fraudstream"
IN_COMPOSE = "./fraudstream"
"""The name that docker-compose.yml sets: the script that runs the command line in its container."""


def own_command(arguments: str = "") -> str:
    """Return the command line with these arguments; a wrapper around it sets its own name in the variable."""
    name = os.environ.get(VARIABLE) or _INSTALLED
    return f"{name} {arguments}" if arguments else name
