"""How many of the coins in photos of many the server finds, and how much of what it finds are coins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mintmark._client import Client
from mintmark._errors import InvalidRequest
from mintmark._types import Ellipse
from mintmark.metrics import one_to_one

LEAST_IOUS = (0.75, 0.9)  # from which a coin counts as found


@dataclass(frozen=True)
class Scene:
    """The outlines that the server found in one photo; `refusal`: why it took the photo not."""

    found: tuple[Ellipse, ...] = ()
    refusal: str | None = None


def see_scene(client: Client, photo: Path) -> Scene:
    """Ask for every coin of a photo. A refused photo is a result; any other error is raised."""
    try:
        return Scene(tuple(coin.ellipse for coin in client.recognize_all(photo, k=1, verify=False)))
    except InvalidRequest as error:
        return Scene(refusal=str(error))


def evaluate_scenes(
    scenes: Mapping[str, Scene], drawn: Mapping[str, Sequence[Ellipse]], doubtful: Mapping[str, Sequence[Ellipse]]
) -> dict[str, Any]:
    """Recall and precision over all coins of all scenes.

    A found coin and a drawn one belong together if they overlap; each has one partner at most. What is found at a
    `doubtful` outline counts neither way. `drawn` are all other outlines, by the path of the photo.
    """
    figures: dict[str, Any] = {}
    for least in LEAST_IOUS:
        right = found = there = 0
        for path, scene in scenes.items():
            pairs = one_to_one(scene.found, drawn.get(path, ()), least)
            left = [one for n, one in enumerate(scene.found) if n not in dict(pairs)]
            ignored = one_to_one(left, doubtful.get(path, ()), least)
            right += len(pairs)
            found += len(scene.found) - len(ignored)
            there += len(drawn.get(path, ()))
        figures[f"{least}"] = {
            "recall": right / there if there else None,
            "precision": right / found if found else None,
        }
    return {
        "photos": len(scenes),
        "coins": sum(len(drawn.get(path, ())) for path in scenes),
        "found": sum(len(scene.found) for scene in scenes.values()),
        "refused": {path: scene.refusal for path, scene in scenes.items() if scene.refusal is not None},
        "iou": figures,
    }
