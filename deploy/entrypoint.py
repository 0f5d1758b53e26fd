"""Starts the server in its container.

    python -m deploy.entrypoint [--address ADDRESS] …

It assembles the model repository, runs the builder, whose progress goes to the container's log, and runs Triton behind
its gate until a signal stops it. Settings are environment variables, see docs/deployment.md. Exit status: the builder's
where that fails, 1 where the settings are wrong or a part of the server has ended by itself, 0 after a signal.
"""

import argparse
import contextlib
import fcntl
import inspect
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from catalog.opening import kind_of
from deploy.command import EVERY_ADDRESS, hardened
from deploy.environment import SettingsError
from deploy.settings import ROOT, Settings, read_settings
from ensemble import variables
from ensemble.access import reading
from ensemble.cpu import Cpu
from ensemble.limits import Limits
from ensemble.placement import most_photos
from server import machine
from server.assembly import assemble_models
from server.audit import AuditLog, write_out, written_to
from server.gate.settings import GateSettings
from server.gates import Gates
from server.launch import LOOPBACK, Launch, Ports, triton_command, triton_environment
from server.log import Lines, as_json
from server.supervision import Supervised
from server.triton import Triton
from server.wheel import ServerError

# Triton and its models get the tokens themselves, and have no use for those of the gate.
FOR_ENTRYPOINT_ONLY = (*variables.GATE_ONLY, *(secret + variables.FILE for secret in variables.SECRETS))

CORES_OF_A_GATE = 4  # one process of it for so many cores: it passes on some thousand photos a second


class StoppedError(Exception):
    """A signal told this process to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.number = number


def _stop(number: int, frame: FrameType | None) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):  # a second one must not interrupt an orderly end
        signal.signal(each, signal.SIG_IGN)
    raise StoppedError(number)


def say(text: str) -> None:
    """Write one line to the container's log."""
    line = f"mintmark: {text}"
    print(as_json(line) if os.environ.get(variables.LOG_FORMAT) == "json" else line, file=sys.stderr, flush=True)


def write_as_json(line: str) -> None:
    """Write one line of text to the container's output, as one of JSON."""
    write_out(as_json(line))


def check_folder(folder: Path, purpose: str) -> None:
    """Make a folder on a volume, unless it exists.

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


@contextlib.contextmanager
def alone(cache: Path) -> Iterator[None]:
    """Lock the cache: containers of one host may use the same one, and must not write the same engine at once."""
    with (cache / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another container that builds into {cache}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_builder(command: Sequence[str], json_log: bool = False) -> int:
    """Run the builder, which writes to this process's output, perhaps as JSON lines.

    Returns:
        Its exit status, or 128 + number where a signal ended it.

    Raises:
        SettingsError: there is no such command.
        StoppedError: a signal told this process to stop; it was passed to the builder, which has ended.
    """
    try:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE if json_log else None,
            stderr=subprocess.STDOUT if json_log else None,
        )
    except OSError as error:
        raise SettingsError(f"cannot run the builder {command[0]}: {error.strerror}") from error
    lines = Lines(write_as_json)
    if process.stdout is not None:
        lines.follow(process.stdout)
    try:
        status = process.wait()
    except StoppedError as stopped:
        process.send_signal(stopped.number)
        process.wait()
        raise
    lines.close()
    return status if status >= 0 else 128 - status


def server_environment(settings: Settings, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of Triton and its Python models: with the tokens, without those of the gate."""
    kept = {name: value for name, value in environment.items() if name not in FOR_ENTRYPOINT_ONLY}
    locks = Path(tempfile.gettempdir()) / "mintmark-slots"
    return {
        **triton_environment(kept, settings.catalog, settings.cache, locks),
        **_tokens(settings),
        **settings.store_secrets,
        variables.INDEX: settings.index,
    }


def _tokens(settings: Settings) -> dict[str, str]:
    """The variables that say who may read and who may change."""
    return {
        variables.TOKEN: settings.token,
        variables.TOKENS: settings.tokens,
        variables.READ_TOKEN: settings.read_token,
    }


def prepare(settings: Settings) -> int:
    """Prepare everything that Triton needs; returns the builder's exit status.

    Raises:
        SettingsError: a folder cannot be written, or the builder, the server or pymilvus is missing.
        StoppedError: a signal told this process to stop meanwhile.
        OSError: the model repository cannot be assembled.
    """
    if shutil.which(settings.binary) is None:
        raise SettingsError(f"no {settings.binary} in this container: set {variables.TRITONSERVER}")
    kind = kind_of(settings.catalog)
    if missing := kind.missing():
        raise SettingsError(f"{missing} in this container")
    if folder := kind.folder(settings.catalog):
        check_folder(folder, "the catalog's folder")
    check_folder(settings.cache, "the cache")
    if settings.models:
        assemble_models(settings.models, settings.repository)
    with alone(settings.cache):
        say(f"preparing the models: {' '.join(settings.builder)}")
        return run_builder(settings.builder, settings.json_log)


def launch_of(settings: Settings) -> Launch:
    """How Triton is started with these settings."""
    launch = Launch(
        settings.binary,
        settings.repository,
        settings.sockets,
        config_name="cpu" if settings.target == "cpu" else "",
        backends=settings.backends,
        cuda_pool_mib=settings.cuda_pool_mib,
        collector=settings.traces,
    )
    return hardened(launch)


def _cpu() -> Cpu:
    return Cpu.within(machine.usable_cores(), machine.usable_memory())


def gates_of(settings: Settings, ports: Ports, address: str) -> Gates:
    """The gate with these settings."""
    gate = GateSettings(
        str(settings.sockets),
        address,
        ports.grpc,
        ports.http if settings.http else 0,
        ports.metrics,
        http_address=address if settings.tls is None else LOOPBACK,
        hosts=settings.hosts,
        origins=settings.origins,
        admin_key=settings.admin_key,
        priority_token=settings.priority_token,
        message_bytes=Limits.of(os.environ).message_bytes,
        reading=reading(_tokens(settings)),
        most_photos=most_photos(_cpu()) if settings.target == "cpu" else 0,
    )
    return Gates(gate, max(1, machine.usable_cores() // CORES_OF_A_GATE), settings.tls)


def serve(settings: Settings, ports: Ports, address: str) -> None:
    """Run Triton behind its gate.

    Raises:
        StoppedError: a signal told this process to stop; Triton has ended.
        ServerError: a part of the server did not start, or has ended by itself.
    """
    command, environment = triton_command(launch_of(settings)), server_environment(settings, os.environ)
    gates = gates_of(settings, ports, address)
    log = Lines(write_as_json) if settings.json_log else None

    def start() -> Triton:
        return Triton.ready(command, environment, settings.sockets, log)

    supervised = Supervised(start, gates, restart=False, drain=settings.drain)  # Docker starts it again
    with contextlib.ExitStack() as kept:
        if log is not None:
            kept.callback(log.close)
        audit = _audit(settings, kept)
        environment.update(audit)
        _run(supervised, gates, {**os.environ, **audit})


def _audit(settings: Settings, kept: contextlib.ExitStack) -> dict[str, str]:
    """Keep the audit log while `kept` is open; returns the variable by which other processes find it."""
    if not settings.audit:
        return {}
    path = settings.sockets.with_name(f"{settings.sockets.name}-audit")
    path.parent.mkdir(parents=True, exist_ok=True)
    log = AuditLog(path, written_to(settings.audit, kept))
    kept.callback(log.close)
    return log.environment


def _run(supervised: Supervised, gates: Gates, environment: Mapping[str, str]) -> None:
    try:
        gates.open(environment)
        supervised.start()
        say("ready")
        supervised.watch()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        supervised.stop()
        gates.close()


def parse(argv: Sequence[str] | None) -> tuple[Ports, str]:
    """Read the command line: the ports, and the address to listen on."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.entrypoint",
        description=inspect.getdoc(sys.modules[__name__]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--address", default=EVERY_ADDRESS, help="to listen on (%(default)s)")
    parser.add_argument("--grpc-port", type=int, default=Ports.grpc, help="%(default)s")
    parser.add_argument("--http-port", type=int, default=Ports.http, help="%(default)s")
    parser.add_argument("--metrics-port", type=int, default=Ports.metrics, help="%(default)s")
    options = parser.parse_args(argv)
    return Ports(options.grpc_port, options.http_port, options.metrics_port), options.address


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; runs until a signal stops it."""
    ports, address = parse(argv)
    # The first process of a container ignores these signals, unless it handles them itself.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        settings = read_settings(os.environ)
        status = prepare(settings)
        if status != 0:
            say(f"error: the builder ended with status {status}; the server is not started")
            return status
    except StoppedError as stopped:
        say(str(stopped))
        return 128 + stopped.number
    except (SettingsError, OSError) as error:
        say(f"error: {error}")
        return 1
    encryption = "" if settings.tls is None else " with TLS"
    http = f", HTTP on port {ports.http}{' of loopback' if settings.tls else ''}" if settings.http else ""
    say(f"starting Triton for {settings.target}, gRPC on port {ports.grpc}{encryption}{http}")
    try:
        serve(settings, ports, address)
    except StoppedError as stopped:
        say(str(stopped))
        return 0
    except (ServerError, OSError) as error:
        say(f"error: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
