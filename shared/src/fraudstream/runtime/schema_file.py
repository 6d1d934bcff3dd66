"""The payment schema of this process, read once at its start."""

from collections.abc import Mapping
from pathlib import Path

from fraudstream.errors import SettingsError
from fraudstream.payment_schema import MOST_CHARACTERS, PaymentSchema, default_schema, parse
from fraudstream.runtime.regular_files import read_regular
from fraudstream.runtime.settings import SchemaSettings

DEFAULT = Path("data/payment.toml")
_MOST_BYTES = 4 * MOST_CHARACTERS


def load_schema(env: Mapping[str, str]) -> PaymentSchema:
    """Return the schema in the file PAYMENT_SCHEMA; by default that in data/payment.toml, or the library's own.

    Raises SettingsError if the file can't be read, SchemaError if it is not a schema.
    """
    file = SchemaSettings.from_env(env).file
    if file is None and not DEFAULT.exists():
        return default_schema()
    return read_schema(file or DEFAULT)


def read_schema(file: Path) -> PaymentSchema:
    """Return the schema in the file. Raises SettingsError if it can't be read, SchemaError if it is not a schema."""
    try:
        text = read_regular(file, _MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"PAYMENT_SCHEMA: {file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"PAYMENT_SCHEMA: {file} is not UTF-8: byte {error.start + 1:,}") from None
    return parse(text, str(file))
