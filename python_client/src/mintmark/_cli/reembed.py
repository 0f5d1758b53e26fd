"""`mintmark reembed`."""

import argparse

from mintmark._cli.options import Commands, add_command, positive
from mintmark._cli.output import Progress, complain, counted
from mintmark._client import REEMBED_BATCH, Client
from mintmark._errors import ServerError


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `reembed`."""
    parser = add_command(
        commands,
        common,
        "reembed",
        "Embed stale views with the server's weights, and map the relief of views that lack it, from the"
        " stored pictures. Searches go on meanwhile. The new embeddings count all at once, in the end.",
    )
    parser.add_argument(
        "--batch", type=positive, default=REEMBED_BATCH, metavar="N", help="views in one request (%(default)s)"
    )
    parser.add_argument("--forget", action="store_true", help="then drop the embeddings by other weights, for good")
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Embed and map until nothing is left, switch, and drop the old embeddings if asked to."""
    done, lost = _reembed(client, args.batch)
    print(
        f"brought {counted(done, 'view')} up to date; {counted(client.switch(), 'embedding')} more in use from now on"
    )
    if lost:
        left = counted(lost, "view")
        complain(f"{left} cannot be brought up to date without a stored picture: enroll the photos again")
    if args.forget:
        print(f"dropped {counted(client.forget(), 'embedding')} by other weights")
    return 0


def _reembed(client: Client, batch: int) -> tuple[int, int]:
    """How many views were brought up to date, and how many cannot be because they have no usable picture."""
    done = 0
    status = client.status()
    with Progress("brought up to date", max(status.stale_views, status.without_relief)) as progress:
        while True:
            step = client.reembed(batch)
            done += step.done
            for view in step.refused:
                progress.note(f"mintmark: entry {view.entry}, side {view.side}: {view.error}")
            progress.expect(done + step.left)
            progress.advance(step.done)
            if not step.left:
                return done, step.lost
            if not step.done:
                raise ServerError(f"the server did none of the {step.left} views that are left: see its log")
