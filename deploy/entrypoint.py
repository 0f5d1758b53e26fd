"""Starts the server in its container.

    python -m deploy.entrypoint [--address ADDRESS] …

It stages the models, runs the builder, whose progress goes to the container's log, and becomes Triton. Settings are
environment variables, see docs/deployment.md. Exit status: the builder's where that fails, 1 where the container is
set up wrongly, else Triton's.
"""

import argparse
import fcntl
import inspect
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from backends import memory
from catalog.opening import kind_of
from backends.slots import VARIABLE as CORE_LOCKS
from deploy.command import Listen, Triton, triton_command
from deploy.environment import SettingsError
from deploy.repository import stage
from deploy.settings import ROOT, Settings, read_settings
from server import ServerError

FOR_ENTRYPOINT_ONLY = (
    "MINTMARK_TOKEN_FILE",
    "MINTMARK_READ_TOKEN_FILE",
    "MINTMARK_MILVUS_TOKEN_FILE",
    "MINTMARK_ADMIN_KEY",
    "MINTMARK_ADMIN_KEY_FILE",
)


class StoppedError(Exception):
    """This process was told to stop before Triton was started."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.number = number


def _stop(number: int, frame: FrameType | None) -> None:
    raise StoppedError(number)


def say(text: str) -> None:
    """One line in the container's log."""
    print(f"mintmark: {text}", file=sys.stderr, flush=True)


def check_folder(folder: Path, purpose: str) -> None:
    """Make a folder of a volume where it is missing.

    Raises:
        SettingsError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise SettingsError(f"{purpose} {folder} cannot be written by user {os.getuid()}: give the volume to that user")


@contextmanager
def alone(cache: Path) -> Iterator[None]:
    """Hold the cache, which containers of one host may share: two would write the same engine at once."""
    with (cache / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another container that builds into {cache}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_builder(command: Sequence[str]) -> int:
    """Run the builder with this process's output as its own; its exit status, 128 + number where a signal ended it.

    Raises:
        SettingsError: there is no such command.
        StoppedError: this process was told to stop; the builder was too, and has ended.
    """
    try:
        process = subprocess.Popen(command, cwd=ROOT)
    except OSError as error:
        raise SettingsError(f"cannot run the builder {command[0]}: {error.strerror}") from error
    try:
        status = process.wait()
    except StoppedError as stopped:
        process.send_signal(stopped.number)
        process.wait()
        raise
    return status if status >= 0 else 128 - status


def server_environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """What Triton and its Python models see: the tokens, but not the key of the restricted endpoints."""
    kept = {name: value for name, value in environment.items() if name not in FOR_ENTRYPOINT_ONLY}
    return {
        **memory.ENVIRONMENT,
        **kept,
        "MINTMARK_TOKEN": settings.token,
        "MINTMARK_READ_TOKEN": settings.read_token,
        "MINTMARK_MILVUS_TOKEN": settings.milvus_token,
        "MINTMARK_CATALOG": settings.catalog,
        "MINTMARK_INDEX": settings.index,
        "MINTMARK_CACHE": str(settings.cache),
        CORE_LOCKS: str(Path(tempfile.gettempdir()) / "mintmark-cores"),
    }


def prepare(settings: Settings) -> int:
    """Do all that has to be done before Triton starts; the builder's exit status.

    Raises:
        SettingsError: a folder cannot be written, or the builder, the server or pymilvus is not there.
        StoppedError: this process was told to stop meanwhile.
        OSError: the models cannot be staged.
    """
    if shutil.which(settings.binary) is None:
        raise SettingsError(f"no {settings.binary} in this container: set MINTMARK_TRITONSERVER")
    kind = kind_of(settings.catalog)
    if missing := kind.missing():
        raise SettingsError(f"{missing} in this container")
    if folder := kind.folder(settings.catalog):
        check_folder(folder, "the catalog's folder")
    check_folder(settings.cache, "the cache")
    if settings.models:
        stage(settings.models, settings.repository)
    with alone(settings.cache):
        say(f"preparing the models: {' '.join(settings.builder)}")
        return run_builder(settings.builder)


def triton_of(settings: Settings) -> Triton:
    """What Triton is told to serve."""
    return Triton(
        settings.binary,
        settings.repository,
        config_name="cpu" if settings.target == "cpu" else "",
        backends=settings.backends,
        cuda_pool_mib=settings.cuda_pool_mib,
        tls=settings.tls,
    )


def parse(argv: Sequence[str] | None) -> Listen:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.entrypoint",
        description=inspect.getdoc(sys.modules[__name__]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--address", default=Listen.address, help="to listen on (%(default)s)")
    parser.add_argument("--grpc-port", type=int, default=Listen.grpc, help="%(default)s")
    parser.add_argument("--http-port", type=int, default=Listen.http, help="%(default)s")
    parser.add_argument("--metrics-port", type=int, default=Listen.metrics, help="%(default)s")
    options = parser.parse_args(argv)
    return Listen(options.address, options.grpc_port, options.http_port, options.metrics_port)


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; does not return where Triton starts."""
    listen = parse(argv)
    for number in (signal.SIGTERM, signal.SIGINT):  # a container's first process has no default handling
        signal.signal(number, _stop)
    try:
        settings = read_settings(os.environ)
        command = triton_command(triton_of(settings), listen, settings.admin_key)
        status = prepare(settings)
    except StoppedError as stopped:
        say(str(stopped))
        return 128 + stopped.number
    except (SettingsError, ServerError, OSError) as error:
        say(f"error: {error}")
        return 1
    if status != 0:
        say(f"error: the builder ended with status {status}; the server is not started")
        return status
    encryption = "" if settings.tls is None else " with TLS, HTTP on loopback only"
    say(f"starting Triton for {settings.target}, gRPC on port {listen.grpc}{encryption}")
    os.chdir(ROOT)  # the Python models import this project from here
    os.execvpe(command[0], command, server_environment(settings, os.environ))


if __name__ == "__main__":
    sys.exit(main())
