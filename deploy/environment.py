"""Reads single variables of a container's environment. An empty variable counts as unset: Compose passes those on.

A secret may come from a file instead: the variable with _FILE after its name then holds the file's path.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from ensemble import variables


class SettingsError(ValueError):
    """The container cannot start with these settings; the message says what to change and never holds a secret."""


def read_path(environment: Mapping[str, str], name: str) -> Path | None:
    """The path in a variable."""
    return Path(environment[name]) if environment.get(name) else None


def read_whole(environment: Mapping[str, str], name: str, default: int) -> int:
    """The whole number above 0 in a variable.

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
    variable = name + variables.FILE
    path = environment.get(variable, "")
    if not path:
        return environment.get(name, "")
    try:
        secret = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise SettingsError(f"{variable}: cannot read {path} as user {os.getuid()}: {reason}") from error
    if not secret:
        raise SettingsError(f"{variable}: {path} is empty")
    return secret


def read_token(environment: Mapping[str, str], name: str) -> str:
    """A secret that clients send in a header.

    Raises:
        SettingsError: as for `read_secret`, or no header can carry it.
    """
    token = read_secret(environment, name)
    if not all("!" <= letter <= "~" for letter in token):
        raise SettingsError(f"{name} has spaces, line ends or letters outside ASCII, which a header cannot carry")
    return token
