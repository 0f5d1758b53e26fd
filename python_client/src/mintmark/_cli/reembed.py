"""`mintmark reembed`."""

import argparse

from mintmark._cli.common import Commands, add_command, complain, counted, positive
from mintmark._client import Client
from mintmark._errors import ServerError
from mintmark._progress import Progress

BATCH = 64


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `reembed`."""
    parser = add_command(
        commands,
        common,
        "reembed",
        "Embed what other weights embedded again, from the stored pictures, while the old index goes on serving; then"
        " switch at once.",
    )
    parser.add_argument("--batch", type=positive, default=BATCH, metavar="N", help=f"views in one request ({BATCH})")
    parser.add_argument("--forget", action="store_true", help="then drop the embeddings by other weights, for good")
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Embed until nothing is left, switch, and drop the old embeddings if asked to."""
    done, lost = _reembed(client, args.batch)
    print(f"embedded {counted(done, 'view')} again; {counted(client.switch(), 'embedding')} more in use from now on")
    if lost:
        complain(f"{counted(lost, 'view')} without a stored picture left out of the search: enroll the photos again")
    if args.forget:
        print(f"dropped {counted(client.forget(), 'embedding')} by other weights")
    return 0


def _reembed(client: Client, batch: int) -> tuple[int, int]:
    """How many views were embedded, and how many cannot be."""
    done = 0
    with Progress("embedded", client.status().stale_views) as progress:
        while True:
            step = client.reembed(batch)
            done += step.done
            progress.expect(done + step.left)
            progress.advance(step.done)
            if not step.left:
                return done, step.lost
            if not step.done:
                raise ServerError(f"the server embedded none of the {step.left} views that are left: see its log")
