"""Makes, lists and removes keys: `python -m app key add NAME --scopes predict`, `list`, `remove`.

A running service takes over what changed within two seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import CliPositionalArg, NoDecode, SettingsConfigDict

from app.access.file import InvalidKeyFileError, Keys, edit_keys, read_keys
from app.access.keys import ApiKey, KeyName, Scope, hash_secret, make_secret
from app.settings import CommandSettings, parse


class KeySettings(CommandSettings):
    """What all of these commands take."""

    model_config = SettingsConfigDict(cli_prog_name="python -m app key")

    keys_file: Path = Field(description="File of API keys; a new one is made.")


class NamedKeySettings(KeySettings):
    """What a command about one key takes."""

    name: CliPositionalArg[KeyName] = Field(description="Whose key it is.")


class RemoveSettings(NamedKeySettings):
    """Remove a key."""


class AddSettings(NamedKeySettings):
    """Make a key and print it: this is the only time that it can be seen."""

    scopes: Annotated[tuple[Scope, ...], NoDecode, Field(min_length=1)] = Field(
        description="What it allows: predict, metrics or admin, separated by commas."
    )
    expires: date | None = Field(
        default=None, description="First day, in UTC, on which it is refused, as 2027-01-31."
    )

    @field_validator("scopes", mode="before")
    @classmethod
    def _split_scopes(cls, value: object) -> object:
        return [scope.strip() for scope in value.split(",")] if isinstance(value, str) else value


def add_key(arguments: Sequence[str]) -> str:
    """Make a key and return its secret.

    Raises:
        InvalidKeyFileError: If there is a key of that name, or the file cannot be used.
    """
    settings = parse(AddSettings, arguments)
    secret = make_secret()
    key = ApiKey(
        name=settings.name,
        scopes=settings.scopes,
        sha256=hash_secret(secret),
        expires=settings.expires,
    )

    def append(keys: Keys) -> Keys:
        if key.name in [other.name for other in keys]:
            raise InvalidKeyFileError(f"{settings.keys_file}: has a key {key.name!r} already")
        return (*keys, key)

    edit_keys(settings.keys_file, append)
    return secret


def list_keys(arguments: Sequence[str]) -> str:
    """Return a line for each key; raises as `read_keys`."""
    lines = (
        f"{key.name}\t{','.join(key.scopes)}\t{key.expires or 'never expires'}"
        for key in read_keys(parse(KeySettings, arguments).keys_file)
    )
    return "\n".join(lines)


def remove_key(arguments: Sequence[str]) -> str:
    """Remove a key and say so.

    Raises:
        InvalidKeyFileError: If there is no key of that name, or the file cannot be used.
    """
    settings = parse(RemoveSettings, arguments)

    def drop(keys: Keys) -> Keys:
        rest = tuple(key for key in keys if key.name != settings.name)
        if len(rest) == len(keys):
            raise InvalidKeyFileError(f"{settings.keys_file}: has no key {settings.name!r}")
        return rest

    edit_keys(settings.keys_file, drop)
    return f"removed {settings.name}"


COMMANDS: Mapping[str, Callable[[Sequence[str]], str]] = {
    "add": add_key,
    "list": list_keys,
    "remove": remove_key,
}


def run_command(arguments: Sequence[str]) -> str:
    """Run `add`, `list` or `remove`, and return what it prints.

    Raises:
        SystemExit: After a message, if that is not possible.
    """
    command = COMMANDS.get(arguments[0] if arguments else "")
    if command is None:
        raise SystemExit(f"usage: python -m app key {{{','.join(COMMANDS)}}} ...; see add --help")
    try:
        return command(arguments[1:])
    except InvalidKeyFileError as exc:
        raise SystemExit(f"python -m app key: error: {exc}") from exc
