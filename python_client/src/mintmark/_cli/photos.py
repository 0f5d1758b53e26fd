"""What commands share that take photos: folders of them, the options of a manifest, the work through its photos."""

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from mintmark._cli.options import positive
from mintmark._cli.output import Progress
from mintmark._contract import PHOTO_ENDINGS
from mintmark._errors import InvalidRequest


def photos_of(paths: Sequence[str]) -> list[str]:
    """The paths; in the place of a folder, the photos in it by name. InvalidRequest of a folder without any."""
    photos: list[str] = []
    for path in paths:
        if not os.path.isdir(path):
            photos.append(path)
            continue
        inside = sorted(name for name in os.listdir(path) if name.lower().endswith(PHOTO_ENDINGS))
        if not inside:
            raise InvalidRequest(
                f"the folder {path} holds no photo: none of its files ends in {', '.join(PHOTO_ENDINGS)}"
            )
        photos += [os.path.join(path, name) for name in inside]
    return photos


class Answer(Protocol):
    """The server's answer to one photo, or the reason why it refused the photo."""

    @property
    def refusal(self) -> str | None:
        """None if the server took the photo."""


AnswerType = TypeVar("AnswerType", bound=Answer)


def add_manifest(parser: argparse.ArgumentParser, roles: str) -> None:
    """Add the manifest and its options; `roles` says which rows are used."""
    parser.add_argument("manifest", metavar="MANIFEST.csv", help=f"columns path, label, role; {roles}")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where the paths start (the manifest's folder)")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="NAME", help="only rows of this set")
    parser.add_argument("--concurrency", type=positive, default=4, metavar="N", help="photos at a time (%(default)s)")


def check_photos(args: argparse.Namespace, paths: Sequence[str]) -> Path:
    """The folder in which the paths start. InvalidRequest if a photo is missing: a wrong root should cost no work."""
    root: Path = args.root or Path(args.manifest).parent
    missing = [path for path in paths if not (root / path).is_file()]
    if missing:
        raise InvalidRequest(f"{len(missing)} of {len(paths)} photos are not under {root}, such as {missing[0]}")
    return root


def ask_all(paths: Sequence[str], ask: Callable[[str], AnswerType], workers: int) -> dict[str, AnswerType]:
    """The answer to each path, by `workers` threads, with a progress bar. Notes refusals; an error ends the work."""
    answers: dict[str, AnswerType] = {}
    with Progress("photos", len(paths)) as progress, ThreadPoolExecutor(workers) as pool:
        try:
            for path, answer in zip(paths, pool.map(ask, paths), strict=True):
                answers[path] = answer
                if answer.refusal is not None:
                    progress.note(f"mintmark: {path}: {answer.refusal}")
                progress.advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return answers
