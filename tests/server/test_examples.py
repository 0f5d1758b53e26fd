"""The real coins that ship: whoever enrolls them has a catalog that knows them and does not confuse them."""

import csv
from dataclasses import fields
from typing import Any

import cv2
import pytest

from examples.demo import REAL
from mintmark import Client, EntryFields

pytestmark = pytest.mark.server


def test_the_real_coins_are_told_apart(client: Client) -> None:
    """Each by its own photo, turned and smaller."""
    with REAL.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"] for row in rows} == {path.name for path in REAL.parent.glob("*.jpg")}
    names = [field.name for field in fields(EntryFields)]
    for row in rows:
        said: dict[str, Any] = {name: row[name] for name in names if name in row}
        client.enroll(REAL.parent / row["path"], EntryFields(**said), row["entry"])  # a doubtful photo is an error here
    for row in rows:
        picture = cv2.rotate(cv2.imread(str(REAL.parent / row["path"])), cv2.ROTATE_90_CLOCKWISE)
        smaller = cv2.resize(picture, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
        (best,) = client.recognize(cv2.imencode(".jpg", smaller)[1].tobytes(), k=1).matches
        assert (best.entry.id, best.side) == (row["entry"], row["side"])
