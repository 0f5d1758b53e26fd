"""What a container is told from outside, by variables of its environment."""

import re
import secrets
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from catalog.opening import kind_of
from deploy.command import CUDA_POOL_MIB
from deploy.environment import SettingsError, read_path, read_secret, read_token, read_whole
from deploy.tls import read_tls
from server import Tls

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("gpu", "cpu")
CATALOG = "/var/lib/mintmark/catalog"
_KEY = re.compile(r"[A-Za-z0-9_-]{16,}")  # what Triton's command line takes without quoting, and long enough


@dataclass(frozen=True)
class Settings:
    """How a container serves."""

    target: str  # gpu or cpu
    repository: Path  # model repository that is served; written to before the server starts
    models: Path | None  # where the repository's files come from; None serves the repository as it lies
    catalog: str  # folder, or milvus://…
    index: str  # kind of the catalog's index; '' is the default
    cache: Path  # folder for engines and compiled graphs; outlives the container
    token: str = field(repr=False)  # of the catalog
    read_token: str = field(repr=False)  # of those who may only read; '' lets everyone
    milvus_token: str = field(repr=False)  # '' for a server without access control
    admin_key: str = field(repr=False)  # of Triton's restricted endpoints
    tls: Tls | None  # None leaves gRPC in plain text
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
    catalog = _catalog(environment)
    return Settings(
        target=target,
        repository=repository,
        models=read_path(environment, "MINTMARK_MODELS"),
        catalog=catalog,
        index=_index(environment, catalog),
        cache=cache,
        token=_token(environment),
        read_token=read_token(environment, "MINTMARK_READ_TOKEN"),
        milvus_token=read_secret(environment, "MINTMARK_MILVUS_TOKEN"),
        admin_key=_admin_key(environment),
        tls=read_tls(environment),
        builder=tuple(shlex.split(builder)) or default_builder(target, repository, cache),
        binary=environment.get("MINTMARK_TRITONSERVER", "tritonserver"),
        backends=read_path(environment, "MINTMARK_BACKENDS"),
        cuda_pool_mib=read_whole(environment, "MINTMARK_CUDA_POOL_MIB", CUDA_POOL_MIB) if target == "gpu" else 0,
    )


def default_builder(target: str, repository: Path, cache: Path) -> tuple[str, ...]:
    """What makes the engines for the GPU, or writes the configs for the cores of this container."""
    if target == "gpu":
        script = str(ROOT / "build" / "build_engines.py")
        return (sys.executable, script, "--repository", str(repository), "--cache", str(cache / "engines"))
    return (sys.executable, "-m", "deploy.cpu_configs", str(repository))


def _catalog(environment: Mapping[str, str]) -> str:
    location = environment.get("MINTMARK_CATALOG") or CATALOG
    try:
        kind_of(location).check_location(location)
    except ValueError as error:
        raise SettingsError(f"MINTMARK_CATALOG: {error}") from error
    return location


def _index(environment: Mapping[str, str], catalog: str) -> str:
    index = environment.get("MINTMARK_INDEX", "")
    try:
        kind_of(catalog).check_index(index)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return index


def _token(environment: Mapping[str, str]) -> str:
    token = read_token(environment, "MINTMARK_TOKEN")
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
