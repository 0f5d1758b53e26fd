"""Whether the server finds the same outline whichever way a photo is turned. It takes no labels to measure that."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mintmark._client import Client
from mintmark._errors import InvalidRequest, MintmarkError
from mintmark._pictures.canvas import Picture
from mintmark._pictures.loading import load
from mintmark._types import Ellipse
from mintmark.metrics import ellipse_iou, turned_back

QUARTERS = (1, 2, 3)  # by which each photo is turned to the left
AGREES = 0.9  # IoU from which two outlines are the same


@dataclass(frozen=True)
class Turned:
    """The outlines of one photo, in its own pixels: of the photo as it is, then of its turned copies.

    None where the server found no coin. `refusal`: why the server took the photo in none of its turns.
    """

    outlines: tuple[Ellipse | None, ...] = ()
    refusal: str | None = None

    @property
    def agree(self) -> list[bool]:
        """For each turned copy, whether its outline is that of the photo as it is, or neither has one."""
        first, *others = self.outlines
        return [ellipse_iou(first, one) >= AGREES if first and one else first is one for one in others]

    @property
    def shows_coin(self) -> bool:
        """Whether a coin was found in any of them."""
        return any(self.outlines)


def see_turned(client: Client, photo: Path) -> Turned:
    """Ask for the outline of a photo as it is and of its turned copies. A refused photo is a result."""
    try:
        picture = load(str(photo))
    except MintmarkError as error:
        return Turned(refusal=str(error))
    height, width = picture.shape[:2]
    try:
        outlines = [client.embed(photo).ellipse]
        for quarters in QUARTERS:
            outline = client.embed(turned(picture, quarters)).ellipse
            outlines.append(outline and turned_back(outline, quarters, width, height))
    except InvalidRequest as error:
        return Turned(refusal=str(error))
    return Turned(tuple(outlines))


def turned(picture: Picture, quarters: int) -> bytes:
    """A picture turned so many quarters to the left, as PNG: its pixels stay what they are."""
    _, data = cv2.imencode(".png", np.rot90(picture, quarters), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return data.tobytes()


def evaluate_turns(photos: Mapping[str, Turned]) -> dict[str, Any]:
    """Share of turned copies that agree, of the photos in which a coin was found in any turn; and which do not."""
    taken = {path: one for path, one in photos.items() if one.shows_coin}
    agree = [same for one in taken.values() for same in one.agree]
    return {
        "photos": len(taken),
        "without_coin": sum(one.refusal is None and not one.shows_coin for one in photos.values()),
        "agree": sum(agree) / len(agree) if agree else None,
        "differ": {path: one.agree.count(False) for path, one in taken.items() if not all(one.agree)},
    }
