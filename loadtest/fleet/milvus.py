"""A Milvus server of this machine: the standalone one that build/get_milvus.py fetches, with its data in a folder."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from ensemble import variables
from loadtest.fleet.ports import lasting_ports
from server.launch import LOOPBACK
from server.tied import tied

MISSING = "no Milvus server in this environment: build/get_milvus.py fetches one for Linux on x86-64"
# As in deploy/compose.milvus.yaml: rows that no index covers yet are compared one by one.
EXACT = {"QUERYNODE_SEGCORE_INTERIMINDEX_ENABLEINDEX": "false"}
_START = 90.0  # s
_END = 30.0  # s
_FIELD = re.compile(r"\{\{ (\w+)(?:\(\w+\))?(?:: (.*?))? \}\}")  # of the template: a setting, its type and default


class MilvusError(Exception):
    """The server is not installed or did not start."""


def find_milvus() -> Path | None:
    """The folder with the server's program; None if this environment has none."""
    folder = Path(os.environ.get(variables.MILVUS_SERVER) or Path(sys.prefix) / "milvus")
    return folder if (folder / "bin" / "milvus").is_file() else None


class MilvusServer:
    """A server on free ports, started and ended as often as wanted. It keeps ports and data.

    All in one process, with an etcd of its own. Release 2.3 listens on every address of the machine and knows no
    setting against it, so run it where nobody else reaches it.

    Args:
        folder: of its data, settings and logs.
        settings: more of Milvus's settings, as variables: QUERYNODE_SEGCORE_… .
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        program = find_milvus()
        if program is None:
            raise MilvusError(MISSING)
        self._program = program
        self._folder = folder.resolve()
        template = (program / "config.yaml.template").read_text()
        names = sorted(name for name in {found[1] for found in _FIELD.finditer(template)} if name.endswith("_port"))
        *ports, self._health, self._etcd_peers = lasting_ports(len(names) + 2)
        self._ports = dict(zip(names, ports, strict=True))
        self._write_settings(template)
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    def _write_settings(self, template: str) -> None:
        folder = self._folder
        values = {
            **{name: str(port) for name, port in self._ports.items()},
            "etcd_data_dir": f"{folder}/etcd",
            "etcd_log_path": f"{folder}/logs/etcd.log",
            "local_storage_dir": f"{folder}/storage",
            "rocksmq_data_dir": f"{folder}/rocksmq",
            "system_log_path": f"{folder}/logs",
        }
        filled = _FIELD.sub(lambda found: values.get(found[1], found[2] or ""), template)
        configs = folder / "configs"
        for each in (configs, folder / "logs"):
            each.mkdir(parents=True, exist_ok=True)
        # Its parts speak with each other by this address.
        (configs / "milvus.yaml").write_text(re.sub(r"(?m)^(\s+ip:)(?= #|$)", rf"\1 {LOOPBACK}", filled))
        shutil.copy(self._program / "glog.conf", configs)
        client, peer = f"http://{LOOPBACK}:{self._ports['etcd_port']}", f"http://{LOOPBACK}:{self._etcd_peers}"
        # Only a failing machine loses what was not synchronized, and this one has nothing to keep then.
        (configs / "etcd.yaml").write_text(
            "unsafe-no-fsync: true\n"
            f"listen-client-urls: {client}\nadvertise-client-urls: {client}\nlisten-peer-urls: {peer}\n"
            f"initial-advertise-peer-urls: {peer}\ninitial-cluster: default={peer}\n"
        )

    @property
    def port(self) -> int:
        """That clients ask."""
        return self._ports["proxy_port"]

    def start(self) -> None:
        """Returns when it is healthy. Raises MilvusError."""
        environment = {
            **os.environ,
            "DEPLOY_MODE": "STANDALONE",
            "ETCD_CONFIG_PATH": str(self._folder / "configs" / "etcd.yaml"),
            "LD_LIBRARY_PATH": str(self._program / "bin"),
            "METRICS_PORT": str(self._health),
            "MILVUS_RUN_DIR": str(self._folder / "run"),
            **self._settings,
        }
        output = self._folder / "logs" / "output.log"
        with output.open("ab") as log:
            self._process = subprocess.Popen(
                tied([str(self._program / "bin" / "milvus"), "run", "standalone"]),
                cwd=self._folder,
                env=environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + _START
        while not self._healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise MilvusError(f"Milvus did not start: {output.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)

    def _healthy(self) -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://{LOOPBACK}:{self._health}/healthz", timeout=5) as answer,
        ):
            return bool(answer.read().strip() == b"OK")
        return False

    def kill(self) -> None:
        """End it as a failing machine would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order; one that takes longer than half a minute is killed."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
