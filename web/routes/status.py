"""How the catalog is, and whether the gateway and its server answer."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from mintmark import CatalogStatus
from web.access import Reader
from web.gateway import Shared

router = APIRouter(tags=["status"])


class Health(BaseModel):
    """Whether the server behind the gateway answers."""

    ready: bool


@router.get("/status")
async def status(gateway: Shared, access: Reader) -> CatalogStatus:
    """The catalog at a glance."""
    return await gateway.server.ask(access.token, lambda client: client.status())


@router.get("/health", responses={503: {"model": Health}})
async def health(response: Response, gateway: Shared) -> Health:
    """Say whether photos can be recognized; needs no session. 503 if not."""
    ready = await gateway.server.answers()
    response.status_code = 200 if ready else 503
    return Health(ready=ready)
