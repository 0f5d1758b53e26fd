"""Errors as answers: problem details (RFC 9457), without anything of the inside."""

import http
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from mintmark import (
    EntryNotFound,
    InvalidPhoto,
    InvalidRequest,
    MintmarkError,
    NoCoinFound,
    RequestTimeout,
    ServerBusy,
    ServerError,
    ServerUnavailable,
    Unauthorized,
    UnfitPhoto,
)

MEDIA_TYPE = "application/problem+json"
BUSY_SECONDS = 2  # after which a busy server is worth another try

_LOG = logging.getLogger("web")
_SHOWN = 300  # characters of what somebody sent, in an answer

# The first that fits: subclasses stand before what they are made of. Of the server's own failures the text stays here,
# which names addresses; without one, the error's text says what to do.
_ERRORS: tuple[tuple[type[MintmarkError], int, str, str], ...] = (
    (InvalidPhoto, 422, "invalid-photo", ""),
    (NoCoinFound, 422, "no-coin", ""),
    (UnfitPhoto, 422, "unfit-photo", ""),
    (EntryNotFound, 404, "not-found", ""),
    (Unauthorized, 401, "unauthorized", ""),
    (ServerBusy, 503, "server-busy", "The server is busy or starting: try again later."),
    (ServerUnavailable, 503, "server-unavailable", "The server cannot be reached at the moment."),
    (RequestTimeout, 504, "server-timeout", "The server did not answer in time; it may have carried out the request."),
    (ServerError, 502, "server-failed", "The server failed."),
    (InvalidRequest, 400, "invalid-request", ""),
)


class ProblemDetails(BaseModel):
    """An error. `type` names its kind, `detail` says what was wrong and what to do."""

    type: str
    title: str
    status: int
    detail: str


# For OpenAPI: any error of any route.
DESCRIBED: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error.",
        "content": {MEDIA_TYPE: {"schema": ProblemDetails.model_json_schema()}},
    }
}


class Problem(HTTPException):
    """An error to answer with.

    Args:
        status: of HTTP.
        kind: for programs, such as 'too-many-requests'.
        detail: for people.
        headers: of the answer.
    """

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.kind = kind

    @property
    def details(self) -> ProblemDetails:
        """What the answer says."""
        title = http.HTTPStatus(self.status_code).phrase
        kind = f"urn:mintmark:{self.kind}"
        return ProblemDetails(type=kind, title=title, status=self.status_code, detail=_sendable(self.detail))

    def response(self) -> JSONResponse:
        """The problem as an answer."""
        return JSONResponse(self.details.model_dump(), self.status_code, self.headers, MEDIA_TYPE)


def _sendable(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON may say and UTF-8 may not."""
    return text.encode(errors="replace").decode()


def problem_of(error: Exception) -> Problem:
    """The problem that an error is for who asked."""
    if isinstance(error, Problem):
        return error
    for kind, status, name, text in _ERRORS:
        if isinstance(error, kind):
            if text:
                _LOG.warning("%s: %s", name, error)
            retry = {"Retry-After": str(BUSY_SECONDS)} if status == 503 else {}
            return Problem(status, name, text or str(error), retry)
    if isinstance(error, RequestValidationError):
        return Problem(422, "invalid-request", _validation(error))
    if isinstance(error, HTTPException):
        return Problem(error.status_code, "http", str(error.detail), error.headers)
    return Problem(500, "gateway-failed", "The gateway failed.")


def _validation(error: RequestValidationError) -> str:
    """Where something is wrong and what, without the value itself."""
    said = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:5]]
    return "; ".join(said)[:_SHOWN]


def install(app: FastAPI) -> None:
    """Let every error of the application be answered as a problem."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return problem_of(error).response()

    for kind in (MintmarkError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, answer)
