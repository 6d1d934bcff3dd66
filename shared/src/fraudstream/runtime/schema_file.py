"""The payment schema of this process, read once at its start."""

from collections.abc import Mapping
from pathlib import Path

from fraudstream.errors import SettingsError
from fraudstream.payment_schema import PaymentSchema, default_schema, parse
from fraudstream.runtime.regular_files import read_regular
from fraudstream.runtime.settings import SchemaSettings, SecretsSettings
from fraudstream.secret_tokens import FEWEST_KEY_BYTES, Tokens

DEFAULT = Path("data/payment.toml")
_MOST_BYTES = 1 << 20


def load_schema(env: Mapping[str, str]) -> PaymentSchema:
    """Return the schema in the file PAYMENT_SCHEMA; by default that in data/payment.toml, or the library's own.

    Raises SettingsError if the file can't be read, SchemaError if it is not a schema.
    """
    file = SchemaSettings.from_env(env).file
    if file is None and not DEFAULT.exists():
        return default_schema()
    return read_schema(file or DEFAULT)


def tokens_of(schema: PaymentSchema, env: Mapping[str, str]) -> Tokens | None:
    """Return the tokens for the schema's secret fields; None if it has none. Raises SettingsError without a key."""
    if not schema.has_secrets:
        return None
    key = SecretsSettings.from_env(env).key.get_secret_value().encode()
    if not key:
        secrets = ", ".join(name for name, one in schema.fields.items() if one.secret)
        raise SettingsError(
            f"SECRETS_KEY: the payment schema has secret fields ({secrets}); set it, or SECRETS_KEY_FILE, to "
            f"{FEWEST_KEY_BYTES} random bytes at least, such as the output of: openssl rand -hex 32"
        )
    return Tokens(key)


def read_schema(file: Path) -> PaymentSchema:
    """Return the schema in the file. Raises SettingsError if it can't be read, SchemaError if it is not a schema."""
    try:
        text = read_regular(file, _MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"PAYMENT_SCHEMA: {file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"PAYMENT_SCHEMA: {file} is not UTF-8: byte {error.start + 1:,}; save it as UTF-8"
        ) from None
    return parse(text, str(file))
