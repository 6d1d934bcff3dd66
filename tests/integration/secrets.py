"""Secrets of the secured cluster's users, and the proof that none of them was told."""

from pathlib import Path

from tests.integration.service import Service

USERS = ("maker", "payer", "scorer", "auditor", "newcomer")
KEY_PASSWORD = "Key-Pass-5512"  # noqa: S105 - made for the tests
WRONG = "Wr0ng-guess-9932"


def password_of(user: str) -> str:
    """Easy to find in a log, and in nothing else."""
    return f"S3cret-of-{user}-7741"


def assert_discreet(output: str, folder: Path) -> None:
    """No traceback, and nothing secret: no password, no line of a key."""
    assert "Traceback" not in output, output
    assert "S3cret-of-" not in output
    assert "Wr0ng-guess" not in output
    assert KEY_PASSWORD not in output
    for key in folder.glob("*.key"):
        for line in key.read_text(encoding="ascii").splitlines()[1:-1]:
            assert line not in output


def ended(service: Service, folder: Path, timeout_s: float = 30) -> str:
    """Why it has ended, as its only line of that kind says: by itself, with exit code 1, discreetly."""
    assert service.wait(timeout_s) == 1, service.output
    assert_discreet(service.output, folder)
    (line,) = service.lines("stopped")
    return str(line["reason"])
