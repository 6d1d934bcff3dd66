"""The database's address and errors: in words, and never with a password."""

from pathlib import Path

import pytest

from archiver.database import Database, address, shown
from fraudstream.errors import SettingsError, SinkUnavailableError
from fraudstream.settings import ArchiveSettings


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sqlite:///outputs/payments.db", "sqlite:///outputs/payments.db"),
        ("postgres://u:s3cret@h:5433/d?password=s3cret", "postgresql://u:***@h:5433/d"),
        ("postgresql://u:s3%40cret@h/d", "postgresql://u:***@h/d"),
        ("postgresql+psycopg://h/d", "postgresql://h/d"),
    ],
)
def test_an_address_is_shown_without_its_password(text: str, told: str) -> None:
    """Nor with options, which may hold one too."""
    assert shown(address(text)) == told


@pytest.mark.parametrize(
    "text", ["s3cret", "mysql://u:s3cret@h/d", "postgresql://u:s3cret@h:x/d", "sqlite:///:memory:"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """The variable is named, the value is not."""
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: ") as refused:
        address(text)
    assert "s3cret" not in str(refused.value)


def test_the_address_may_stand_in_a_file(tmp_path: Path) -> None:
    """As any secret; without either it is a file of SQLite."""
    file = tmp_path / "secret"
    file.write_text("postgresql://h/d\n", encoding="utf-8")
    settings = ArchiveSettings.from_env({"DATABASE_URL_FILE": str(file)})
    assert settings.database_url == "postgresql://h/d"
    assert "postgresql" not in repr(settings)
    assert ArchiveSettings.from_env({}).database_url == "sqlite:///outputs/payments.db"


def test_a_database_that_can_not_be_had_is_said_in_words(tmp_path: Path) -> None:
    """And can be had later."""
    database = Database(address(f"sqlite:///{tmp_path}/folder/a.db"))
    with pytest.raises(SinkUnavailableError, match="unable to open database file"), database.transaction():
        pass
    (tmp_path / "folder").mkdir()
    with database.transaction() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM positions").scalar() == 0
    database.close()
