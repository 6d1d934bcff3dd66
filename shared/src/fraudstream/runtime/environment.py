"""The base of all settings: a frozen group of values, read from environment variables and from files that they name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from fraudstream.errors import SettingsError

_FILE = "_FILE"


class Settings(BaseModel):
    """A frozen group of settings; each field's alias is its environment variable.

    A secret, which is a field of type SecretStr, can stand in a file instead, which the variable NAME_FILE names.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read this group from `env`; an empty variable counts as unset. Raises SettingsError naming each wrong one."""
        values: dict[str, str] = {name: env[name] for name in cls.variables() if env.get(name, "") != ""}
        for name in cls.secrets():
            if file := values.pop(name + _FILE, None):
                if name in values:
                    raise SettingsError(f"{name} and {name}{_FILE} are two ways to say the same: set only one")
                values[name] = _secret(name + _FILE, Path(file))
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(
                "; ".join(_problem(problem["loc"], problem["msg"]) for problem in error.errors())
            ) from None

    @classmethod
    def variables(cls) -> list[str]:
        """The environment variables that this group reads."""
        names = [field.alias or name for name, field in cls.model_fields.items()]
        return names + [name + _FILE for name in cls.secrets()]

    @classmethod
    def secrets(cls) -> list[str]:
        """Those of the variables that hold a secret."""
        return [field.alias or name for name, field in cls.model_fields.items() if field.annotation is SecretStr]


def _secret(variable: str, file: Path) -> str:
    """What the file holds, without the line end that editors put behind it."""
    try:
        secret = file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise SettingsError(f"{variable}: {file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}: {file} is no text in UTF-8") from None
    if not secret:
        raise SettingsError(f"{variable}: {file} is empty")
    return secret


def _problem(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{location[0]}: {message}" if location else message
