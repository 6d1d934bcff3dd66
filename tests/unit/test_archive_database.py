"""The database's address and errors: messages as text, never with a password."""

import random
import string
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.fuzz import examples

from archiver.database import Database, address, reason, shown
from fraudstream.errors import SettingsError, SinkUnavailableError
from fraudstream.runtime.settings import ArchiveSettings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sqlite:///outputs/payments.db", "sqlite:///outputs/payments.db"),
        ("postgres://u:s3cret@h:5433/d?password=s3cret", "postgresql://u:***@h:5433/d"),
        ("postgresql://u:s3%40cret@h/d", "postgresql://u:***@h/d"),
        ("postgresql+psycopg://h/d", "postgresql://h/d"),
    ],
)
def test_an_address_is_shown_without_its_password(text: str, expected: str) -> None:
    """An address is shown without its password and without options, which may hold one too."""
    assert shown(address(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "s3cret",
        "mysql://u:s3cret@h/d",
        "postgresql://u:s3cret@h:x/d",
        "sqlite:///:memory:",
        "postgresql://u:pass@s3cret@h/d",
        "postgresql://u:pass@s3cret/word@h/d",
        "postgresql://u:p@h/d?password=pass@s3cret",
        "postgresql://h:5432/d?password=pass@s3cret",
        "postgresql://u:%00s3cret@h/d",
        "s3cret://h/d",
    ],
)
def test_an_invalid_address_is_refused(text: str) -> None:
    """The error names the variable and not its value."""
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: ") as refused:
        address(text)
    assert "s3cret" not in str(refused.value)


def test_the_address_may_be_in_a_file(tmp_path: Path) -> None:
    """The address may be in a file, as any secret; without either, the archive is an SQLite file."""
    file = tmp_path / "secret"
    file.write_text("postgresql://h/d\n", encoding="utf-8")
    settings = ArchiveSettings.from_env({"DATABASE_URL_FILE": str(file)})
    assert settings.database_url == "postgresql://h/d"
    assert "postgresql" not in repr(settings)
    assert ArchiveSettings.from_env({}).database_url == "sqlite:///outputs/payments.db"


def test_an_unavailable_database_is_reported(tmp_path: Path) -> None:
    """An unavailable database is reported in a message, and can be used when it is available again."""
    database = Database(address(f"sqlite:///{tmp_path}/folder/a.db"))
    with pytest.raises(SinkUnavailableError, match="unable to open database file"), database.transaction():
        pass
    (tmp_path / "folder").mkdir()
    with database.transaction() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM positions").scalar() == 0
    database.close()


RAW = ("p@ssw0rd@h0st", "s3cret")
SECRETS = st.text(alphabet=string.printable + "éß€\ud800", min_size=4, max_size=24)
ADDRESSES = (
    "postgresql://fraud:{}@127.0.0.1:1/payments",
    "postgresql://fraud:pass@127.0.0.1:1/payments?password={}",
    "postgresql://fraud:pass@127.0.0.1:1/payments?sslmode={}",
    "postgresql://fraud:pass@127.0.0.1:1/payments?options={}",
    "postgresql://fraud:pass@127.0.0.1:1/payments?connect_timeout={}",
    "postgresql://fraud:pass@127.0.0.1:1/payments?{}=1",
    "postgresql://fraud:pass@127.0.0.1:1/payments?target_session_attrs={}",
    "postgresql://fraud@127.0.0.1:1/payments?service={}",
    "postgresql://127.0.0.1:1/payments?password={}",
    "mysql://fraud:{}@127.0.0.1:1/payments",
)
INNOCENT = "\u2603\u2604\u2605\u2606"
"""A secret of which no message has a part by chance."""


def everything_shown(address_text: str) -> str:
    """Return everything that a user sees of this address: it or why it is refused, and why there is no connection."""
    try:
        url = address(address_text)
        database = Database(url)
        visible = shown(url)
    except SettingsError as error:
        return str(error)
    try:
        with database.transaction():
            raise AssertionError("nothing listens on port 1")
    except (SettingsError, SinkUnavailableError) as error:
        return f"{visible} {error}"
    finally:
        database.close()


EXPECTED = {form: everything_shown(form.format(quote(INNOCENT))) for form in ADDRESSES}
"""By form of address, what is shown whatever the secret is."""
WITHOUT_SECRETS = [
    *EXPECTED.values(),
    *map(
        everything_shown,
        ("postgresql://@@", "postgresql://%00", "postgresql://h:x", "sqlite:///x?timeout=x", "sqlite:///\ud800"),
    ),
    "OperationalError ProgrammingError, whose message has a part of the password or of an option",
]


@settings(max_examples=examples(400), deadline=None)
@example(form=ADDRESSES[0], secret=RAW[0], raw=True)
@example(form=ADDRESSES[5], secret=RAW[1], raw=True)
@given(form=st.sampled_from(ADDRESSES), secret=SECRETS, raw=st.booleans())
def test_no_message_has_a_part_of_a_secret(form: str, secret: str, raw: bool) -> None:
    """No message has four or more characters of a secret, whether they are escaped in the address or not."""
    written = secret if raw else quote(secret, safe="", errors="surrogatepass")
    visible = everything_shown(form.format(written))
    common = " ".join(WITHOUT_SECRETS)
    parts = {secret[at : at + 4] for at in range(len(secret) - 3)}
    assert not [part for part in parts if part in visible and part not in common]


def test_a_message_without_a_secret_has_the_cause() -> None:
    """Messages show user, host and database, and no other quoted text."""
    assert "Connection refused" in EXPECTED[ADDRESSES[0]]
    rng = random.Random(7)
    secret = "".join(rng.choices(string.ascii_letters, k=12))
    url = address(f"postgresql://fraud:{secret}@h/d?sslmode={secret}")
    messages = {
        'password authentication failed for user "fraud"': 'password authentication failed for user "fraud"',
        f'invalid value "{secret}"': 'invalid value "…"',
        f"invalid value {secret[3:8]}": "OSError, whose message has a part of the password or of an option",
    }
    for visible, expected in messages.items():
        assert reason(OSError(visible), url) == expected


def test_an_error_of_the_driver_quotes_no_row(tmp_path: Path) -> None:
    """An error of the driver quotes no row, not even in a logged traceback."""
    database = Database(address(f"sqlite:///{tmp_path / 'payments.db'}"))
    with pytest.raises(SinkUnavailableError) as error, database.transaction() as connection:
        connection.exec_driver_sql("INSERT INTO missing VALUES (?)", [("of a payment".replace(" ", "-"),)])
    database.close()
    assert "of-a-payment" not in "".join(traceback.format_exception(error.value))
