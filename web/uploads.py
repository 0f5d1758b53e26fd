"""Photos, and what is said of them, or a table, from the body of a request."""

import json
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from web.problems import Problem
from web.settings import Settings

PHOTO, FIELDS, TABLE = "photo", "fields", "table"  # names of the parts
MOST_PHOTOS = 2  # the sides of a coin
_FORM = "multipart/form-data"
_RAW = ("application/octet-stream", "image/")
_TABLES = (_RAW[0], "text/csv", "text/tab-separated-values", "application/vnd.")  # the last are spreadsheets
_BINARY = {"type": "string", "format": "binary"}


@dataclass(frozen=True)
class Upload:
    """What was sent: the bytes of one or two photo files, and a JSON object about them."""

    photos: tuple[bytes, ...]
    fields: dict[str, Any]


async def upload_of(request: Request, settings: Settings) -> Upload:
    """Read the body: a photo as it is, or a form of one or two photos and a part `fields`.

    Raises:
        Problem: 415, it is neither; 400, a part is missing or wrong; 413, a photo is too large.
    """
    kind = _kind(request)
    if kind == _FORM:
        upload = await _of_form(request, settings)
    elif kind.startswith(_RAW):
        upload = Upload((await request.body(),), {})
    else:
        raise Problem(415, "unsupported-type", f"The body must be a photo, as {_RAW[0]} or image/…, or {_FORM}.")
    if any(len(photo) > settings.photo_bytes for photo in upload.photos):
        raise Problem(413, "too-large", f"The photo has more than {settings.photo_bytes} bytes.")
    return upload


async def _of_form(request: Request, settings: Settings) -> Upload:
    async with request.form(max_files=MOST_PHOTOS, max_fields=1, max_part_size=settings.text_bytes) as form:
        photos, said = [], "{}"
        for name, part in form.multi_items():
            if name == PHOTO and isinstance(part, UploadFile):
                photos.append(await part.read())
            elif name == FIELDS and isinstance(part, str):
                said = part
            else:
                raise Problem(400, "invalid-request", f"The form takes files {PHOTO!r} and a text {FIELDS!r}.")
    if not photos:
        raise Problem(400, "invalid-request", f"The form lacks a photo: a file called {PHOTO!r}.")
    return Upload(tuple(photos), _object(said))


async def table_of(request: Request, settings: Settings) -> bytes:
    """Read the body: a table as it is, or a form with a file `table`.

    Raises:
        Problem: 415, it is neither; 400, the file is missing; 413, the table is too large.
    """
    kind = _kind(request)
    if kind == _FORM:
        async with request.form(max_files=1, max_fields=0) as form:
            table = form.get(TABLE)
            if not isinstance(table, UploadFile):
                raise Problem(400, "invalid-request", f"The form lacks a table: a file called {TABLE!r}.")
            data = await table.read()
    elif kind.startswith(_TABLES):
        data = await request.body()
    else:
        raise Problem(415, "unsupported-type", f"The body must be a table, as {_TABLES[1]}, or {_FORM}.")
    if len(data) > settings.table_bytes:
        raise Problem(413, "too-large", f"The table has more than {settings.table_bytes} bytes.")
    return data


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Problem(400, "invalid-request", f"{FIELDS!r} must be a JSON object.")
    return said


def described(raw: bool, fields: str) -> dict[str, Any]:
    """The body for OpenAPI; `fields` says what the part of that name holds, '' if there is none."""
    properties: dict[str, Any] = {PHOTO: {"type": "array", "items": _BINARY, "minItems": 1, "maxItems": MOST_PHOTOS}}
    if fields:
        properties[FIELDS] = {"type": "string", "contentMediaType": "application/json", "description": fields}
    content: dict[str, Any] = {_FORM: {"schema": {"type": "object", "properties": properties, "required": [PHOTO]}}}
    if raw:
        content |= {kind: {"schema": _BINARY} for kind in (_RAW[0], "image/*")}
    return {"requestBody": {"required": True, "content": content}}


def described_table() -> dict[str, Any]:
    """The body that is a table, for OpenAPI."""
    form = {"type": "object", "properties": {TABLE: _BINARY}, "required": [TABLE]}
    content: dict[str, Any] = {_FORM: {"schema": form}, **{kind: {"schema": _BINARY} for kind in _TABLES[:2]}}
    return {"requestBody": {"required": True, "content": content}}
