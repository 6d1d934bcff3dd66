"""The table of subcommands, and what the start of the command line imports."""

import subprocess
import sys
from inspect import iscoroutinefunction
from pkgutil import resolve_name

import pytest

from cli.__main__ import COMMANDS


@pytest.mark.parametrize("run", [*(command.run for command in COMMANDS.values()), "cli.audit.commands:run_compare"])
def test_every_subcommand_has_its_function(run: str) -> None:
    """The name of a subcommand's function, which is resolved when it runs, is valid."""
    assert iscoroutinefunction(resolve_name(run))


def test_help_imports_no_extra() -> None:
    """Help and usage errors work in every image, and fast, without libraries that only some subcommands use."""
    code = (
        "import sys; from cli.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(sorted({'aiokafka', 'joblib', 'numpy', 'sklearn', 'sqlalchemy'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"
