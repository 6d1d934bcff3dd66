"""The table of subcommands, and what the start of the command line imports."""

import subprocess
import sys
from inspect import iscoroutinefunction
from pkgutil import resolve_name

import pytest

from cli.__main__ import COMMANDS, main
from fraudstream.runtime.own_command import VARIABLE, own_command


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


@pytest.mark.parametrize(
    ("name", "shown"), [("./fraudstream", "./fraudstream"), ("", "fraudstream"), (None, "fraudstream")]
)
def test_hints_have_the_command_of_the_user(
    name: str | None, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrapper, such as the one around Compose, names itself in hints and in the usage."""
    monkeypatch.delenv(VARIABLE, raising=False)
    if name is not None:
        monkeypatch.setenv(VARIABLE, name)
    assert (own_command(), own_command("topics")) == (shown, f"{shown} topics")
    with pytest.raises(SystemExit):
        main(["dlq", "show", "3/4"])
    error = capsys.readouterr().err
    assert f"usage: {shown} dlq show " in error
    assert "'3/4' is not a place: expected TOPIC/PARTITION/OFFSET, such as test-payments/3/1234" in error
