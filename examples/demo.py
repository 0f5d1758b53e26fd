"""Mintmark from end to end on this machine: enrolls rendered and real coins, recognizes a photo, draws the answer.

python -m examples.demo            a rendered photo, in other light, from another angle, on another background
python -m examples.demo PHOTO      your own photo, such as one of a euro, against the same collection
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tqdm import tqdm

from ensemble.contract import MODELS
from server.embedded import EmbeddedServer
from server.wheel import ServerError
from training.mint.collection import write_collection

FOLDER = Path("data/demo")
REAL = Path(__file__).resolve().parent / "coins" / "labels.csv"  # euros and won
CLASSES = 24  # one in eight of them is never enrolled
SEED = 7
ASKED = "00010"  # label of the coin whose photo is recognized
PHOTO_SIZE = 960  # px, longer side


def collection() -> Path:
    """Render the demo's collection, unless it is there already; returns its folder."""
    folder = FOLDER / "collection"
    if not (folder / "manifest.csv").is_file():
        print("rendering a collection of invented coins …")
        write_collection(folder, CLASSES, SEED, PHOTO_SIZE, queries=1, workers=len(os.sched_getaffinity(0)))
    return folder


def query_photo(folder: Path) -> Path:
    """The photo that is recognized; its coin is enrolled."""
    with (folder / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["role"], row["label"]) == ("query", ASKED)]
    return folder / rows[0]["path"]


def mintmark(server: EmbeddedServer, *arguments: str) -> int:
    """Run the command `mintmark` against the server; returns its exit code."""
    return subprocess.run([sys.executable, "-m", "mintmark", "--url", server.url, *arguments], check=False).returncode


def started_server() -> EmbeddedServer:
    """A running server with an empty catalog, on free ports."""
    shutil.rmtree(FOLDER / "catalog", ignore_errors=True)
    with tqdm(total=len(MODELS), desc="loading models", unit="model", leave=False) as bar:

        def show(loaded: int) -> None:
            bar.update(loaded - bar.n)

        server = EmbeddedServer(FOLDER / "catalog", log=FOLDER / "server.log", progress=show)
        server.start()
    return server


def main(argv: list[str] | None = None) -> int:
    """Run the demo; returns 0 if an answer was printed and drawn."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("photo", nargs="?", type=Path, help="your own photo")
    given = parser.parse_args(argv).photo
    if given and not given.is_file():
        parser.error(f"there is no photo {given}")
    folder = collection()
    photo = given or query_photo(folder)
    answer = FOLDER / "answer.png"
    answer.unlink(missing_ok=True)  # that of an earlier photo
    try:
        server = started_server()
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    try:
        status = mintmark(server, "enroll", "--from", str(folder / "labels.csv"))
        status = mintmark(server, "enroll", "--from", str(REAL)) or status
        print(f"\nrecognizing {photo} …\n", flush=True)
        status = mintmark(server, "recognize", str(photo), "--draw", str(answer)) or status
    finally:
        server.stop()
    drawn = f"annotated picture: {answer}\n" if answer.is_file() else ""
    print(f"\n{drawn}collection:        {folder / 'contact_sheet.jpg'}")
    print(f'in a browser:      make serve ARGS="--catalog {FOLDER}/catalog", then the address that it prints')
    return status


if __name__ == "__main__":
    sys.exit(main())
