"""Reads one variable of a container each: text that is empty counts as unset, as Compose passes on what nobody has set.

A secret comes from a file where the variable with _FILE after its name names one.
"""

import os
from collections.abc import Mapping
from pathlib import Path


class SettingsError(ValueError):
    """The container cannot start as it is set up; the message says what to change and never holds a secret."""


def read_path(environment: Mapping[str, str], name: str) -> Path | None:
    """The path that a variable holds."""
    return Path(environment[name]) if environment.get(name) else None


def read_whole(environment: Mapping[str, str], name: str, default: int) -> int:
    """The whole number above 0 that a variable holds.

    Raises:
        SettingsError: it holds something else.
    """
    value = environment.get(name) or str(default)
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise SettingsError(f"{name} is {value!r}; it must be a whole number above 0")
    return int(value)


def read_secret(environment: Mapping[str, str], name: str) -> str:
    """A secret from the file that NAME_FILE names, else from NAME; '' where neither is set.

    Raises:
        SettingsError: the file cannot be read or is empty.
    """
    path = environment.get(f"{name}_FILE", "")
    if not path:
        return environment.get(name, "")
    try:
        secret = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise SettingsError(f"{name}_FILE: cannot read {path} as user {os.getuid()}: {reason}") from error
    if not secret:
        raise SettingsError(f"{name}_FILE: {path} is empty")
    return secret


def read_token(environment: Mapping[str, str], name: str) -> str:
    """A secret that clients send in a header.

    Raises:
        SettingsError: as `read_secret`, or nobody could send it.
    """
    token = read_secret(environment, name)
    if not all("!" <= letter <= "~" for letter in token):
        raise SettingsError(f"{name} has spaces, line ends or letters outside ASCII, which a header cannot carry")
    return token
