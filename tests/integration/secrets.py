"""Secrets of the secured cluster's users, and the check that none of them was logged or printed."""

from pathlib import Path

from tests.integration.service import Service

USERS = ("maker", "payer", "scorer", "auditor", "newcomer")
KEY_PASSWORD = "Key-Pass-5512"  # noqa: S105 - used by tests only
WRONG = "Wr0ng-guess-9932"


def password_of(user: str) -> str:
    """Return a password that is easy to find in a log and appears nowhere else."""
    return f"S3cret-of-{user}-7741"


def assert_no_secrets(output: str, folder: Path) -> None:
    """Assert that there is no traceback and no secret: no password, no line of a key."""
    assert "Traceback" not in output, output
    assert "S3cret-of-" not in output
    assert "Wr0ng-guess" not in output
    assert KEY_PASSWORD not in output
    for key in folder.glob("*.key"):
        for line in key.read_text(encoding="ascii").splitlines()[1:-1]:
            assert line not in output


def wait_for_failure(service: Service, folder: Path) -> str:
    """Return the text of the only error line; the service ended by itself, with exit code 1, without a secret."""
    reason = service.wait_for_failure()
    assert_no_secrets(service.output, folder)
    return reason
