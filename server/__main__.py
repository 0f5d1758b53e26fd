"""Serve on this machine: `python -m server`. Ctrl-C or SIGTERM stops it."""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from tqdm import tqdm

from ensemble.contract import MODELS
from ensemble.graph import Target
from server import EmbeddedServer, Ports, ServerError


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m server", description=__doc__)
    parser.add_argument(
        "--catalog", type=Path, default=Path("data/catalog"), help="folder of the catalog (%(default)s)"
    )
    parser.add_argument("--grpc-port", type=int, default=Ports.grpc, help="%(default)s")
    parser.add_argument("--http-port", type=int, default=Ports.http, help="%(default)s")
    parser.add_argument("--metrics-port", type=int, default=Ports.metrics, help="%(default)s")
    parser.add_argument("--free-ports", action="store_true", help="pick ports that nobody uses")
    parser.add_argument(
        "--target",
        type=Target,
        choices=(Target.CPU, Target.RTX),
        default=Target.CPU,
        metavar="{cpu,rtx}",
        help="rtx computes on a GPU and needs requirements/rtx.txt and engines (cpu)",
    )
    parser.add_argument("--cores", type=int, help="CPU cores to use (all)")
    parser.add_argument("--log", type=Path, default=Path("data/server.log"), help="Triton's log (%(default)s)")
    return parser.parse_args(argv)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(argv: list[str] | None = None) -> int:
    """Serve until told to stop; 1 where the server fails."""
    options = parse(argv)
    ports = Ports.free() if options.free_ports else Ports(options.grpc_port, options.http_port, options.metrics_port)
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell starts background jobs with SIGINT ignored
        signal.signal(number, _interrupt)
    try:
        with tqdm(total=len(MODELS), desc="loading models", unit="model", leave=False) as bar:

            def show(loaded: int) -> None:
                bar.update(loaded - bar.n)

            server = EmbeddedServer(
                options.catalog, ports, options.cores, log=options.log, progress=show, target=options.target
            )
            server.start()
    except ServerError as error:
        print(f"error: {error}\nTriton's log: {options.log}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    try:
        print(
            f"ready: gRPC {server.url}, HTTP http://127.0.0.1:{ports.http}, metrics :{ports.metrics}/metrics",
            flush=True,
        )
        print(f"catalog: {options.catalog.resolve()}   stop with Ctrl-C", flush=True)
        status = server.wait()
        print(f"error: tritonserver ended with status {status}; see {options.log}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopping …", flush=True)
        return 0
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
