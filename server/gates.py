"""Starts the processes of the gate, tells them how Triton is, and ends them."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

from ensemble import variables
from ensemble.places import ROOT
from server.gate.counts import folder_of
from server.gate.settings import GateSettings
from server.gate.state import State
from server.tls import Tls
from server.wheel import ServerError

_END_TIMEOUT = 10.0  # s


class Gates:
    """The processes of one server's gate: one for metrics and HTTP, the others for gRPC.

    Args:
        settings: of each.
        count: processes for gRPC, which share its port.
        tls: of the gRPC port; None leaves it in plain text.
    """

    def __init__(self, settings: GateSettings, count: int = 1, tls: Tls | None = None) -> None:
        if tls is not None:
            authority = str(tls.client_authority or "")
            settings = replace(settings, certificate=str(tls.certificate), key=str(tls.key), client_authority=authority)
        self._settings = replace(settings, shared=count > 1)
        self._kinds = ["web", *["grpc"] * count]
        self._processes: list[subprocess.Popen[bytes]] = []
        self._environment: dict[str, str] = {}
        self.state = State()

    def open(self, environment: Mapping[str, str] = os.environ) -> None:
        """Start them and wait until their ports are open.

        Raises:
            ServerError: one cannot listen.
        """
        kept = {name: value for name, value in environment.items() if name not in variables.SECRETS}
        kept |= {"GRPC_VERBOSITY": "NONE", "GRPC_ENABLE_FORK_SUPPORT": "false"}
        self._environment = {**kept, "PYTHONPATH": str(ROOT)}
        counts = folder_of(self._settings.sockets)
        shutil.rmtree(counts, ignore_errors=True)
        counts.mkdir(mode=0o700, exist_ok=True)
        self._processes = [self._begin(number) for number in range(len(self._kinds))]
        for process in self._processes:
            self._wait(process)

    def _begin(self, number: int) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", "server.gate", self._kinds[number]],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._write(process, replace(self._settings, number=number).to_json())
        return process

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        answer = process.stdout.readline().decode().strip() if process.stdout else ""
        if answer != "open":
            self.close()
            raise ServerError(answer.removeprefix("error: ") or "a process of the gate ended while it started")

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return [process.pid for process in self._processes]

    def tell(self, state: State) -> None:
        """Say how Triton is."""
        if state != self.state:
            self.state = state
            for process in self._processes:
                self._write(process, state.to_json())

    @staticmethod
    def _write(process: "subprocess.Popen[bytes]", line: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # `ended` says so
            if process.stdin is not None:
                process.stdin.write(line.encode() + b"\n")
                process.stdin.flush()

    def ended(self) -> bool:
        """Whether one of them has ended by itself."""
        return any(process.poll() is not None for process in self._processes)

    def mend(self) -> None:
        """Start those again that have ended by themselves.

        Raises:
            ServerError: one cannot listen; all are closed.
        """
        for number, process in enumerate(self._processes):
            if process.poll() is not None:
                self._processes[number] = self._begin(number)
                self._wait(self._processes[number])
                self._write(self._processes[number], self.state.to_json())

    def close(self) -> None:
        """End them; Triton has ended before."""
        self.tell(State())
        processes, self._processes = self._processes, []
        for process in processes:
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
        for process in processes:
            try:
                process.wait(_END_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
