"""What the gateway for browsers costs: the same photos over gRPC, posted to it, and as frames of a camera.

python -m loadtest.gateway                          a server of its own, a minute and a half
python -m loadtest.gateway --url localhost:8001     a server that runs already
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from loadtest import command
from loadtest.gateway.measure import DIRECT, Way, gateway, in_turn, shares, summary, throughputs, ways
from loadtest.host import add_arguments, host, pin
from loadtest.tables import number, table
from mintmark import MintmarkError
from server.wheel import ServerError

PHOTO_SIZE = 640  # px, as a page sends frames


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.parser("loadtest.gateway", __doc__)
    add_arguments(parser)
    parser.set_defaults(photo_size=PHOTO_SIZE)
    group = parser.add_argument_group("the measurement")
    group.add_argument("--photos-each", type=int, default=200, help="one at a time, each way (%(default)s)")
    group.add_argument("--callers", type=int, default=4, help="at a time, for the throughput (%(default)s)")
    group.add_argument("--seconds", type=float, default=5.0, help="of each round (%(default)s)")
    group.add_argument("--rounds", type=int, default=5, help="of each way (%(default)s)")
    group.add_argument("--out", type=Path, default=Path("data/loadtest/gateway.json"), help="figures (%(default)s)")
    return parser.parse_args(argv)


def lines(found: list[Way], callers: int) -> list[str]:
    """The table."""
    direct = next(way for way in found if way.name == DIRECT)
    rows = [
        [
            *(way.name, number(way.p50_ms), number(way.added_ms), f"{way.p50_ms / direct.p50_ms:.3f}"),
            *(number(way.throughput), f"{way.throughput / direct.throughput:.3f}"),
        ]
        for way in found
    ]
    return table(["way", "p50, ms", "added, ms", "ratio", f"photos/s of {callers} callers", "ratio"], rows)


def main(argv: list[str] | None = None) -> int:
    """Command line; 1 where a server fails or does not answer all photos."""
    options = parse(argv)
    pin(options.cores)
    try:
        with host(options) as there, gateway(there.url) as address, ways(there.url, address) as asks:
            taken = in_turn(asks, there.queries, options.photos_each)
            through = throughputs(asks, there.queries, options.callers, options.seconds, options.rounds)
            parts = shares(address, there.queries, options.callers, options.seconds)
    except (ServerError, MintmarkError, ValueError) as error:
        return command.failed(error)
    found = summary(taken, through)
    size = sum(map(len, there.queries)) / len(there.queries) / 1000
    print("\n".join([*lines(found, options.callers), "", f"photos of {size:.0f} kB, {options.photo_size} px"]))
    print(f"frames of {options.callers} phones at a time, shares: {', '.join(f'{part:.1%}' for part in parts)}")
    command.write_json(options.out, {"ways": [asdict(way) for way in found], "shares": parts})
    return 0


if __name__ == "__main__":
    sys.exit(main())
