"""Starts the processes of the gate, tells them how Triton is, and ends them."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

from ensemble import variables
from ensemble.configs import ROOT
from server.gate.settings import GateSettings
from server.gate.state import State
from server.wheel import ServerError

_END_TIMEOUT = 10.0  # s


class Gates:
    """The processes of one server's gate: one for metrics and HTTP, the others for gRPC.

    Args:
        settings: of each.
        count: processes for gRPC, which share its port.
    """

    def __init__(self, settings: GateSettings, count: int = 1) -> None:
        self._settings = replace(settings, shared=count > 1)
        self._kinds = ["web", *["grpc"] * count]
        self._processes: list[subprocess.Popen[bytes]] = []
        self.state = State()

    def open(self, environment: Mapping[str, str] = os.environ) -> None:
        """Start them and wait until their ports are open.

        Raises:
            ServerError: one cannot listen.
        """
        kept = {name: value for name, value in environment.items() if name not in variables.SECRETS}
        kept |= {"GRPC_VERBOSITY": "NONE", "GRPC_ENABLE_FORK_SUPPORT": "false"}
        for kind in self._kinds:
            process = subprocess.Popen(
                [sys.executable, "-m", "server.gate", kind],
                cwd=ROOT,
                env={**kept, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
            self._processes.append(process)
            self._write(process, self._settings.to_json())
        for process in self._processes:
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
