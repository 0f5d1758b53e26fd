"""`mintmark completion`: the script by which a shell completes commands, options and files."""

import argparse
import sys
from pathlib import Path

from mintmark._cli.options import Commands, add_command
from mintmark._client import Client

SCRIPTS = {"bash": "mintmark.bash", "zsh": "_mintmark"}  # files beside this one, made by build/make_completions.py


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `completion`."""
    parser = add_command(
        commands, common, "completion", "Print the script by which a shell completes this command. It asks no server."
    )
    parser.add_argument("shell", choices=tuple(SCRIPTS), help="whose script")
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Print a script."""
    sys.stdout.write((Path(__file__).with_name("completions") / SCRIPTS[args.shell]).read_text(encoding="utf-8"))
    return 0
