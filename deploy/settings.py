"""What a container is told from outside: environment variables, and files where the variable's name ends in _FILE."""

import os
import re
import secrets
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.command import CUDA_POOL_MIB

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("gpu", "cpu")
_KEY = re.compile(r"[A-Za-z0-9_-]{16,}")  # what Triton's command line takes without quoting, and long enough


class SettingsError(ValueError):
    """The container cannot start as it is set up; the message says what to change and never holds a secret."""


@dataclass(frozen=True)
class Settings:
    """How a container serves."""

    target: str  # gpu or cpu
    repository: Path  # model repository that is served; written to before the server starts
    models: Path | None  # where the repository's files come from; None serves the repository as it lies
    catalog: Path  # folder
    cache: Path  # folder for engines and compiled graphs; outlives the container
    token: str  # of the catalog
    admin_key: str  # of Triton's restricted endpoints
    builder: tuple[str, ...]  # command that makes what the target lacks, idempotent
    binary: str  # tritonserver
    backends: Path | None  # instead of Triton's own
    cuda_pool_mib: int


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the variables MINTMARK_…; docs/deployment.md lists them.

    Raises:
        SettingsError: something is missing or wrong.
    """
    target = environment.get("MINTMARK_TARGET", "gpu")
    if target not in TARGETS:
        raise SettingsError(f"MINTMARK_TARGET is {target!r}; it must be one of {', '.join(TARGETS)}")
    repository = Path(environment.get("MINTMARK_REPOSITORY", ROOT / "model_repository"))
    cache = Path(environment.get("MINTMARK_CACHE", "/var/cache/mintmark"))
    builder = environment.get("MINTMARK_BUILDER", "")
    return Settings(
        target=target,
        repository=repository,
        models=_path(environment, "MINTMARK_MODELS"),
        catalog=Path(environment.get("MINTMARK_CATALOG", "/var/lib/mintmark/catalog")),
        cache=cache,
        token=_token(environment),
        admin_key=_admin_key(environment),
        builder=tuple(shlex.split(builder)) or default_builder(target, repository, cache),
        binary=environment.get("MINTMARK_TRITONSERVER", "tritonserver"),
        backends=_path(environment, "MINTMARK_BACKENDS"),
        cuda_pool_mib=_whole(environment, "MINTMARK_CUDA_POOL_MIB", CUDA_POOL_MIB) if target == "gpu" else 0,
    )


def default_builder(target: str, repository: Path, cache: Path) -> tuple[str, ...]:
    """What makes the engines for the GPU, or writes the configs for the cores of this container."""
    if target == "gpu":
        script = str(ROOT / "build" / "build_engines.py")
        return (sys.executable, script, "--repository", str(repository), "--cache", str(cache / "engines"))
    return (sys.executable, "-m", "deploy.cpu_configs", str(repository))


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


def _token(environment: Mapping[str, str]) -> str:
    token = read_secret(environment, "MINTMARK_TOKEN")
    if not token:
        raise SettingsError(
            "no token is set, so whoever reaches this server could change the catalog: "
            "set MINTMARK_TOKEN_FILE (or MINTMARK_TOKEN)"
        )
    return token


def _admin_key(environment: Mapping[str, str]) -> str:
    """The key that was given, or one that nobody knows: then the restricted endpoints are closed to everyone."""
    key = read_secret(environment, "MINTMARK_ADMIN_KEY") or secrets.token_urlsafe(32)
    if not _KEY.fullmatch(key):
        raise SettingsError("MINTMARK_ADMIN_KEY must be 16 or more of A-Z a-z 0-9 _ -")
    return key


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _whole(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise SettingsError(f"{name} is {value!r}; it must be a whole number above 0")
    return int(value)
