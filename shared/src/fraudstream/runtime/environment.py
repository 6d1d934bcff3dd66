"""The base of all settings: a frozen group of values, read from environment variables and from the files they name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from fraudstream.errors import SettingsError

_FILE = "_FILE"


class Settings(BaseModel):
    """A frozen group of settings; each field's alias is its environment variable.

    A secret, that is a field of type SecretStr, can be stored in a file instead, named by the variable NAME_FILE.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read this group from `env`; empty variables count as unset. Raises SettingsError naming each invalid one."""
        values: dict[str, str] = {name: env[name] for name in cls.variables() if env.get(name, "") != ""}
        for name in cls.secrets():
            if file := values.pop(name + _FILE, None):
                if name in values:
                    raise SettingsError(f"{name} and {name}{_FILE} are mutually exclusive: set only one")
                values[name] = _read_secret(name + _FILE, Path(file))
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(
                "; ".join(_format_problem(problem["loc"], problem["msg"]) for problem in error.errors())
            ) from None

    @classmethod
    def variables(cls) -> list[str]:
        """Return the environment variables that this group reads."""
        names = [field.alias or name for name, field in cls.model_fields.items()]
        return names + [name + _FILE for name in cls.secrets()]

    @classmethod
    def secrets(cls) -> list[str]:
        """Return the variables that hold a secret."""
        return [field.alias or name for name, field in cls.model_fields.items() if field.annotation is SecretStr]


def _read_secret(variable: str, file: Path) -> str:
    """Return the file's content, without the line end that editors append."""
    try:
        secret = file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise SettingsError(f"{variable}: {file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}: {file} is not UTF-8 text") from None
    if not secret:
        raise SettingsError(f"{variable}: {file} is empty")
    return secret


def _format_problem(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{location[0]}: {message}" if location else message
