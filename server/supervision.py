"""Watches a Triton behind its gate, and starts it again when a part of it has ended."""

import time
from collections.abc import Callable

from server.gate.state import State
from server.gates import Gates
from server.gateway import Gateway
from server.log import TritonLog
from server.triton import Triton
from server.wheel import ServerError

_LOOK = 0.5  # s between looks
_HURRIED = 5.0  # s that requests have whose model process has died
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # s before a new start; twice as long each time
_CALM = 300.0  # s without a fault, after which the pauses are short again


class Supervised:
    """A Triton that is started again when it, or the process of a model, has ended by itself.

    Args:
        start: starts a Triton that is ready.
        gates: in front of it; they say that the server is not ready meanwhile.
        log: of Triton, the end of which is kept after a fault; None where there is none.
        restart: whether to start again; without, a fault ends everything.
        say: told what happens.
        gateway: for browsers, which is started again likewise; None where there is none.
        drain: s for which a server that stops serves on while it says that it is not ready, until balancers know.
    """

    def __init__(
        self,
        start: Callable[[], Triton],
        gates: Gates,
        log: TritonLog | None = None,
        restart: bool = True,
        say: Callable[[str], None] = print,
        gateway: Gateway | None = None,
        drain: float = 0.0,
    ) -> None:
        self._drain = drain
        self._start = start
        self._gates = gates
        self._log = log
        self._restart = restart
        self._say = say
        self._gateway = gateway
        self._triton: Triton | None = None

    @property
    def pid(self) -> int:
        """Id of the Triton process. Raises ServerError: it does not run."""
        if self._triton is None:
            raise ServerError("the server is not running")
        return self._triton.pid

    @property
    def pids(self) -> list[int]:
        """Ids of the Triton process, and those of the gate and the gateway. Raises ServerError: it does not run."""
        return [self.pid, *self._gates.pids, *([self._gateway.pid] if self._gateway else [])]

    def start(self) -> None:
        """Start Triton for the first time. Raises ServerError."""
        self._triton = self._start()
        self._tell()

    def watch(self) -> None:
        """Watch until an exception ends this, such as KeyboardInterrupt.

        Raises:
            ServerError: a part has ended by itself, and `restart` is off; or the gate could not be opened again.
        """
        pause, since = _FIRST_PAUSE, time.monotonic()
        while True:
            time.sleep(_LOOK)
            if self._gates.ended():
                if not self._restart:
                    raise ServerError("a process of the gate has ended")
                self._gates.mend()
                self._say("a process of the gate had ended; it is open again")
            if self._gateway is not None and self._gateway.ended():
                self._mend(self._gateway)
            fault = "tritonserver does not run" if self._triton is None else self._triton.fault()
            if not fault:
                self._tell()
                if time.monotonic() - since > _CALM:
                    pause = _FIRST_PAUSE
                continue
            self._end(_HURRIED)
            if self._log is not None:
                fault += f"; the end of its log: {self._log.keep_crash()}"
            if not self._restart:
                raise ServerError(fault)
            self._say(f"{fault}; starting again in {pause:.0f} s")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            try:
                self._triton = self._start()
            except ServerError as error:
                self._say(f"it did not start: {error}")
                continue
            since = time.monotonic()
            self._tell()
            self._say("ready again")

    def _mend(self, gateway: Gateway) -> None:
        """Start the gateway again; where that fails, the server goes on without it for a while."""
        if not self._restart:
            raise ServerError("the gateway for browsers has ended")
        try:
            gateway.mend()
        except ServerError as error:
            self._say(f"{error}; the server goes on without it for now")
        else:
            self._say("the gateway for browsers had ended; it is open again")

    def _tell(self) -> None:
        if self._triton is not None:
            self._gates.tell(State(True, not self._triton.stopped(), self._triton.pid))

    def _end(self, grace: float | None = None) -> None:
        triton, self._triton = self._triton, None
        if triton is not None:
            self._gates.tell(State(False, False, triton.pid))
            triton.end(*(() if grace is None else (grace,)))
            self._gates.tell(State())

    def stop(self) -> None:
        """Drain, let requests in flight finish, then end the gateway, Triton and its models."""
        if self._triton is not None and self._drain and not self._triton.fault():
            self._gates.tell(State(True, False, self._triton.pid))
            self._wait_for_balancers()
        if self._gateway is not None:
            self._gateway.close()
        self._end(_HURRIED if self._triton is not None and self._triton.fault() else None)

    def _wait_for_balancers(self) -> None:
        """Serve on; where Triton ends meanwhile, the gate says so to clients, which would wait for it in vain."""
        until = time.monotonic() + self._drain
        while (left := until - time.monotonic()) > 0:
            if self._triton is not None and (fault := self._triton.fault()):
                self._say(f"{fault}, while the server was to stop")
                self._end(_HURRIED)
            time.sleep(min(left, _LOOK))
