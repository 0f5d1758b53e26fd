"""The settings of a container, from the variables of its environment."""

import os
import re
import secrets
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from catalog.opening import KINDS, kind_of
from deploy.command import CUDA_POOL_MIB
from deploy.environment import SettingsError, read_path, read_secret, read_token, read_whole
from ensemble import variables
from ensemble.access import AccessSetupError, changing
from ensemble.parameters import CandidateLimits
from ensemble.tracing import collector
from server.tls import Tls
from server.wheel import ServerError

ROOT = Path(__file__).resolve().parent.parent
TARGETS = ("gpu", "cpu")
CATALOG = "/var/lib/mintmark/catalog"
CACHE = "/var/cache/mintmark"
SOCKETS = "/opt/mintmark/run/sockets"
LOG_FORMATS = ("text", "json")
MOST_DRAIN = 30  # s; the compose files wait for these and Triton's 30
_KEY = re.compile(r"[A-Za-z0-9_-]{16,}")  # long enough, and every header carries it


@dataclass(frozen=True)
class Settings:
    """How a container runs."""

    target: str  # gpu or cpu
    repository: Path  # model repository that Triton reads; completed before it starts
    models: Path | None  # model repository to take the files from; None leaves `repository` as it is
    catalog: str  # folder, or milvus://…
    index: str  # kind of the catalog's index; '' is the default
    cache: Path  # folder for engines and compiled graphs; outlives the container
    token: str = field(repr=False)  # of the catalog
    tokens: str = field(repr=False)  # of others who may change it, with their names
    read_token: str = field(repr=False)  # of those who may only read; '' lets everyone read
    store_secrets: Mapping[str, str] = field(repr=False)  # of the kinds of store, by variable; '' where none is set
    admin_key: str = field(repr=False)  # of the operator's endpoints
    priority_token: str = field(repr=False)  # of those who may overtake others; '' lets nobody
    tls: Tls | None  # None leaves gRPC in plain text
    builder: tuple[str, ...]  # command that makes what the target lacks; running it again changes nothing
    binary: str  # tritonserver
    backends: Path | None  # instead of Triton's own
    cuda_pool_mib: int
    sockets: Path  # folder of the sockets between Triton and its gate
    http: bool
    hosts: tuple[str, ...]  # by which HTTP is asked
    origins: tuple[str, ...]  # web pages that may ask over HTTP
    json_log: bool
    traces: str  # OpenTelemetry collector; '' for none
    drain: int  # s for which it serves on when it stops, while it says that it is not ready
    audit: str  # file of the audit log, see server/audit.py; '' keeps none


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the variables MINTMARK_…; docs/deployment.md lists them.

    Raises:
        SettingsError: something is missing or wrong.
    """
    target = environment.get(variables.TARGET, "gpu")
    if target not in TARGETS:
        raise SettingsError(f"{variables.TARGET} is {target!r}; it must be one of {', '.join(TARGETS)}")
    repository = Path(environment.get(variables.REPOSITORY, ROOT / "model_repository"))
    cache = Path(environment.get(variables.CACHE, CACHE))
    builder = environment.get(variables.BUILDER, "")
    catalog = _catalog(environment)
    _check_candidates(environment)
    return Settings(
        target=target,
        repository=repository,
        models=read_path(environment, variables.MODELS),
        catalog=catalog,
        index=_index(environment, catalog),
        cache=cache,
        token=_token(environment),
        tokens=_tokens(environment),
        read_token=read_token(environment, variables.READ_TOKEN),
        store_secrets={name: read_secret(environment, name) for kind in KINDS for name in kind.secrets},
        admin_key=_admin_key(environment),
        priority_token=read_token(environment, variables.PRIORITY_TOKEN),
        tls=_tls(environment),
        builder=tuple(shlex.split(builder)) or default_builder(target, repository, cache),
        binary=environment.get(variables.TRITONSERVER, "tritonserver"),
        backends=read_path(environment, variables.BACKENDS),
        cuda_pool_mib=read_whole(environment, variables.CUDA_POOL_MIB, CUDA_POOL_MIB) if target == "gpu" else 0,
        sockets=sockets_of(environment),
        http=_switch(environment, variables.HTTP),
        hosts=tuple(environment.get(variables.HTTP_HOSTS, "").split()),
        origins=tuple(environment.get(variables.HTTP_ORIGINS, "").split()),
        json_log=_json_log(environment),
        traces=_collector(environment),
        drain=_drain(environment),
        audit=environment.get(variables.AUDIT, ""),
    )


def sockets_of(environment: Mapping[str, str]) -> Path:
    """The folder of the sockets between Triton and its gate."""
    return Path(environment.get(variables.SOCKETS) or SOCKETS)


def _switch(environment: Mapping[str, str], name: str) -> bool:
    given = environment.get(name) or "0"
    if given not in ("0", "1"):
        raise SettingsError(f"{name} is {given!r}; it must be 0 or 1")
    return given == "1"


def _collector(environment: Mapping[str, str]) -> str:
    given = environment.get(variables.TRACES) or ""
    try:
        return collector(given) if given else ""
    except ValueError as error:
        raise SettingsError(f"{variables.TRACES}: {error}") from error


def _json_log(environment: Mapping[str, str]) -> bool:
    given = environment.get(variables.LOG_FORMAT) or LOG_FORMATS[0]
    if given not in LOG_FORMATS:
        raise SettingsError(f"{variables.LOG_FORMAT} is {given!r}; it must be one of {', '.join(LOG_FORMATS)}")
    return given == LOG_FORMATS[1]


def _drain(environment: Mapping[str, str]) -> int:
    given = environment.get(variables.DRAIN) or "0"
    if not (given.isascii() and given.isdecimal() and int(given[:6]) <= MOST_DRAIN):
        raise SettingsError(f"{variables.DRAIN} is {given!r}; it must be a number of seconds up to {MOST_DRAIN}")
    return int(given)


def default_builder(target: str, repository: Path, cache: Path) -> tuple[str, ...]:
    """The command that builds the engines for this GPU, or writes the configs for this container's cores."""
    if target == "gpu":
        script = str(ROOT / "build" / "build_engines.py")
        return (sys.executable, script, "--repository", str(repository), "--cache", str(cache / "engines"))
    return (sys.executable, "-m", "deploy.cpu_configs", str(repository))


def _catalog(environment: Mapping[str, str]) -> str:
    location = environment.get(variables.CATALOG) or CATALOG
    try:
        kind_of(location).check_location(location)
    except ValueError as error:
        raise SettingsError(f"{variables.CATALOG}: {error}") from error
    return location


def _index(environment: Mapping[str, str], catalog: str) -> str:
    index = environment.get(variables.INDEX, "")
    try:
        kind_of(catalog).check_index(index)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return index


def _check_candidates(environment: Mapping[str, str]) -> None:
    """The models read these settings themselves; here a container that cannot start says why."""
    try:
        CandidateLimits.of(environment)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _token(environment: Mapping[str, str]) -> str:
    token = read_token(environment, variables.TOKEN)
    if not token:
        raise SettingsError(
            "no token is set, so whoever reaches this server could change the catalog: "
            f"set {variables.TOKEN}{variables.FILE} (or {variables.TOKEN})"
        )
    return token


def _tokens(environment: Mapping[str, str]) -> str:
    tokens = read_secret(environment, variables.TOKENS)
    try:
        changing({variables.TOKENS: tokens})
    except AccessSetupError as error:
        raise SettingsError(str(error)) from error
    return tokens


def _admin_key(environment: Mapping[str, str]) -> str:
    """The key that is set, or a random one that nobody knows, which closes the operator's endpoints to everyone."""
    key = read_secret(environment, variables.ADMIN_KEY) or secrets.token_urlsafe(32)
    if not _KEY.fullmatch(key):
        raise SettingsError(f"{variables.ADMIN_KEY} must be 16 or more of A-Z a-z 0-9 _ -")
    return key


def _tls(environment: Mapping[str, str]) -> Tls | None:
    """The TLS files; None where none is set. Checked here, so that a wrong file is found before engines are built."""
    certificate = read_path(environment, variables.TLS_CERT_FILE)
    key = read_path(environment, variables.TLS_KEY_FILE)
    client_authority = read_path(environment, variables.TLS_CLIENT_CA_FILE)
    if certificate is None and key is None and client_authority is None:
        return None
    if certificate is None or key is None:
        raise SettingsError(
            f"{variables.TLS_CERT_FILE} and {variables.TLS_KEY_FILE} belong together, "
            f"and {variables.TLS_CLIENT_CA_FILE} to them"
        )
    tls = Tls(certificate, key, client_authority)
    try:
        tls.check()
    except ServerError as error:
        raise SettingsError(f"{error} as user {os.getuid()}") from error
    return tls
