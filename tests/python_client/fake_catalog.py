"""The catalog of the fake server: entries, views and embeddings in memory, and the operations on them."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mintmark import EntryNotFound, InvalidRequest
from mintmark._contract import (
    EMBEDDING_SIZE,
    IMAGE_SIZE,
    METADATA_FILTER,
    OPTIONAL,
    RELIEF_HARMONICS,
    RELIEF_NUMBERS,
    REQUIRED,
    SIDE,
)

Vector = npt.NDArray[np.float32]

THRESHOLD = 0.5
JUDGE = {
    "cosine": 5.0, "correlation": 8.0, "advantage": 2.0, "offset": -7.0, "cosine_alone": 10.0, "offset_alone": -7.0,
    "known": 0.5,
}  # fmt: skip


@dataclass
class FakeView:
    """A photo of an entry. `embeddings`, and the `staged` ones that do not count yet, by the model that made them."""

    id: str
    entry: str
    side: str
    picture: bytes
    embeddings: dict[str, Vector]
    staged: dict[str, Vector] = field(default_factory=dict)
    relief: int | None = None  # what its map shows; maps are made of pictures too
    mapped: bool = True
    photo: str = ""  # SHA-256 of the file that was enrolled


def crop(number: int) -> bytes:
    """A JPEG that differs from those of other numbers."""
    colour = np.array([number * 37 % 256, number * 101 % 256, number * 11 % 256], np.uint8)
    picture = np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 235, np.uint8)
    cv2.circle(picture, (IMAGE_SIZE // 2, IMAGE_SIZE // 2), IMAGE_SIZE // 2 - 8, colour.tolist(), cv2.FILLED)
    return cv2.imencode(".jpg", picture)[1].tobytes() + number.to_bytes(4, "little")


def unit(numbers: Sequence[float]) -> Vector:
    """[EMBEDDING_SIZE], unit length: these numbers in proportion, then zeros."""
    vector = np.zeros(EMBEDDING_SIZE, np.float32)
    vector[: len(numbers)] = np.array(numbers) / (np.linalg.norm(numbers) or 1)
    return vector


def of_picture(model: str, picture: bytes) -> Vector:
    """The embedding that `model` makes of a stored picture."""
    seed = int.from_bytes(hashlib.sha256(model.encode() + picture).digest()[:4], "little")
    return unit(np.random.default_rng(seed).normal(size=EMBEDDING_SIZE).tolist())


@dataclass
class FakeCatalog:
    """Answers the operations of the model `catalog`."""

    model: str = "abc123"
    relief_model: str = "def456"
    judge: dict[str, float] = field(default_factory=lambda: dict(JUDGE))
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    views: list[FakeView] = field(default_factory=list)
    threshold: float = THRESHOLD
    calibrated: bool = False
    largest_page: int = 1000

    def enroll(
        self, record: Mapping[str, Any], vector: Vector, picture: bytes | None = None, relief: int | None = None
    ) -> str:
        """Add a photo; returns the id of its entry."""
        key = record.get("entry") or f"id{len(self.entries) + 1}"
        described = any(record.get(name) for name in (*REQUIRED, *OPTIONAL, "metadata"))
        if described:
            self._describe(key, record)
        elif key not in self.entries:
            raise EntryNotFound(f"no entry has the id {key}")
        if any(view.entry == key and view.photo == record["photo"] for view in self.views if record.get("photo")):
            return key
        number = len(self.views) + 1
        kept = crop(number) if picture is None else picture
        view = FakeView(f"v{number}", key, record[SIDE], kept, {self.model: vector}, relief=relief)
        view.photo = record.get("photo") or ""
        self.views.append(view)
        return key

    def _describe(self, key: str, record: Mapping[str, Any]) -> None:
        missing = [name for name in REQUIRED if not record.get(name)]
        if missing:
            raise InvalidRequest(f"missing fields: {', '.join(missing)}")
        entry = {"id": key, **{name: record[name] for name in REQUIRED}}
        entry |= {**{name: record.get(name) for name in OPTIONAL}, "metadata": record.get("metadata") or {}}
        if self.entries.setdefault(key, entry) != entry:
            raise InvalidRequest(f"the entry {key} has other fields")

    def search(
        self, vector: Vector, filters: Mapping[str, str], relief: int | None = None
    ) -> list[tuple[float, dict[str, Any]]]:
        """Scores and entries with their best view, best first; "alike" is the correlation, None if not compared."""
        best: dict[str, tuple[float, dict[str, Any]]] = {}
        for view in self.views:
            record = {**self.entries[view.entry], "side": view.side, "view": view.id, "alike": None}
            if self.model not in view.embeddings or not _passes(record, filters):
                continue
            score = float(view.embeddings[self.model] @ vector)
            if relief is not None and view.relief is not None:
                record["alike"] = float(view.relief == relief)
                score = record["alike"] or score
            if view.entry not in best or score > best[view.entry][0]:
                best[view.entry] = score, record
        return sorted(best.values(), key=lambda pair: -pair[0])

    def operate(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one operation."""
        operation = request.pop("operation")
        answer: dict[str, Any] = getattr(self, f"_do_{operation}")(**request)
        return answer

    def _do_status(self) -> dict[str, Any]:
        stale = sum(self.model not in view.embeddings for view in self.views)
        return {
            "entries": len(self.entries), "views": len(self.views) - stale, "stale_views": stale, "sequence": 7,
            "index": {"kind": "Flat"}, "model": self.model, "relief_model": self.relief_model, "judge": self.judge,
            "without_relief": sum(not view.mapped for view in self.views), "threshold": self.threshold,
            "calibrated": self.calibrated,
        }  # fmt: skip

    def _do_list(self, after: str, limit: int, **listing: Any) -> dict[str, Any]:
        assert not any(listing.values()), "sorting and searching is the real catalog's, see test_collection.py"
        page, end = self._page(list(self.entries.values()), after, limit)
        return {"entries": page, "next": end}

    def _do_show(self, id: str) -> dict[str, Any]:
        views = [
            {"id": view.id, "side": view.side, "stale": self.model not in view.embeddings, "verifiable": view.mapped,
             "picture": base64.b64encode(view.picture).decode()}
            for view in self.views if view.entry == id
        ]  # fmt: skip
        return {"entry": self._entry(id), "views": views}

    def _do_known(self, ids: list[str], photos: list[str]) -> dict[str, Any]:
        having = {
            photo: [{"entry": self.entries[v.entry], "side": v.side} for v in self.views if v.photo == photo]
            for photo in photos
        }
        found = [self.entries[key] for key in ids if key in self.entries]
        return {"entries": found, "photos": {photo: views for photo, views in having.items() if views}}

    def _do_similar(self, id: str, k: int) -> dict[str, Any]:
        """Like `search`: equal reliefs score 1, other views their cosine."""
        self._entry(id)
        best: dict[str, dict[str, Any]] = {}
        for own in [view for view in self.views if view.entry == id and self.model in view.embeddings]:
            for view in [view for view in self.views if view.entry != id and self.model in view.embeddings]:
                alike = None not in (own.relief, view.relief)
                cosine = float(own.embeddings[self.model] @ view.embeddings[self.model])
                score = 1.0 if alike and own.relief == view.relief else cosine
                same = bool(own.photo) and own.photo == view.photo
                if view.entry not in best or score > best[view.entry]["score"]:
                    best[view.entry] = {
                        "entry": self.entries[view.entry], "score": score, "cosine": cosine, "angle": 90.0,
                        "correlation": float(own.relief == view.relief) if alike else -2.0, "same_photo": same,
                        "own_side": own.side, "own_view": own.id, "side": view.side, "view": view.id,
                    }  # fmt: skip
        return {"similar": sorted(best.values(), key=lambda one: -one["score"])[:k]}

    def _do_check_filters(self, filters: dict[str, str]) -> dict[str, Any]:
        checked = []
        for name, value in filters.items():
            records = [{**self.entries[view.entry], "side": view.side} for view in self.views]
            views = sum(_passes(record, {name: value}) for record in records)
            values = sorted({_text_of(_value(record, name)) for record in records})
            checked.append({"filter": name, "value": value, "views": views, "nearest": [] if views else values[:3]})
        return {"filters": checked}

    def _do_update(self, id: str, changes: dict[str, Any]) -> dict[str, Any]:
        self._entry(id).update(changes)
        return {"entry": self.entries[id]}

    def _do_remove(self, id: str) -> dict[str, Any]:
        self._entry(id)
        del self.entries[id]
        self.views = [view for view in self.views if view.entry != id]
        return {"removed": id}

    def _do_export(self, after: str, limit: int, pictures: bool = True) -> dict[str, Any]:
        page, end = self._page(self.views, after, limit)
        records = [
            {"id": view.id, "entry": self.entries[view.entry], "side": view.side, "photo": view.photo,
             "picture": base64.b64encode(view.picture if pictures else b"").decode(),
             "embedding": _text(view.embeddings.get(self.model)), "relief": _relief_text(view)}
            for view in page
        ]  # fmt: skip
        return {"model": self.model, "relief_model": self.relief_model, "views": records, "next": end}

    def _do_import(self, model: str, relief_model: str, views: list[dict[str, Any]]) -> dict[str, Any]:
        assert len(views) <= self.largest_page
        return {"added": sum(self._add(model, relief_model, view) for view in views)}

    def _add(self, model: str, relief_model: str, view: dict[str, Any]) -> bool:
        picture = base64.b64decode(view["picture"])
        if view.get("embedding") and model == self.model:
            vector = np.frombuffer(base64.b64decode(view["embedding"]), "<f4")
        elif picture:
            vector = of_picture(self.model, picture)
        else:
            raise InvalidRequest("a view has neither a picture nor an embedding by this server's model")
        for other in self.views:
            same = (other.entry, other.side) == (view["entry"]["id"], view["side"])
            if same and np.array_equal(other.embeddings.get(self.model, ()), vector):
                return False
        record = {**view["entry"], "entry": view["entry"]["id"], "side": view["side"], "photo": view.get("photo", "")}
        given = base64.b64decode(view.get("relief") or "")
        self.enroll(record, vector, picture, int(given[0]) if given and relief_model == self.relief_model else None)
        return True

    def _do_reembed(self, limit: int) -> dict[str, Any]:
        stale = [view for view in self.views if self.model not in {**view.embeddings, **view.staged}]
        todo = [view for view in stale if view.picture]
        for view in todo[:limit]:
            view.staged[self.model] = of_picture(self.model, view.picture)
        for view in [view for view in self.views if not view.mapped and view.picture][:limit]:
            view.mapped = True
        missing = len(stale) - len(todo[:limit])
        return {"done": len(todo[:limit]), "left": missing if todo else 0, "lost": 0 if todo else missing}

    def _do_switch(self) -> dict[str, Any]:
        staged = [view for view in self.views if view.staged]
        for view in staged:
            view.embeddings |= view.staged
            view.staged = {}
        return {"switched": len(staged)}

    def _do_forget(self) -> dict[str, Any]:
        before = sum(len(view.embeddings) for view in self.views)
        for view in self.views:
            view.embeddings = {model: vector for model, vector in view.embeddings.items() if model == self.model}
        return {"forgotten": before - sum(len(view.embeddings) for view in self.views)}

    def _do_calibrate(self, threshold: float) -> dict[str, Any]:
        self.threshold, self.calibrated = threshold, True
        return {"threshold": threshold}

    def _entry(self, key: str) -> dict[str, Any]:
        if key not in self.entries:
            raise EntryNotFound(f"no entry has the id {key}")
        return self.entries[key]

    def _page(self, records: list[Any], after: str, limit: int) -> tuple[list[Any], str]:
        start = int(after or 0)
        end = start + min(limit, self.largest_page)
        return records[start:end], str(end) if end < len(records) else ""


def _passes(record: Mapping[str, Any], filters: Mapping[str, str]) -> bool:
    return all(_text_of(_value(record, name)).casefold() == wanted.casefold() for name, wanted in filters.items())


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _value(record: Mapping[str, Any], name: str) -> Any:
    key = name.removeprefix(METADATA_FILTER)
    return record[name] if key == name else record["metadata"].get(key)


def _relief_text(view: FakeView) -> str | None:
    """A map that holds the number of the relief."""
    if not view.mapped:
        return None
    return base64.b64encode(np.full(RELIEF_HARMONICS * RELIEF_NUMBERS, view.relief or 0, np.int8).tobytes()).decode()


def _text(vector: Vector | None) -> str | None:
    return None if vector is None else base64.b64encode(vector.astype("<f4").tobytes()).decode()
