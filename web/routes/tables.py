"""Tables of coins: what their rows say, before a page uploads the photos row by row."""

import csv
import io

from fastapi import APIRouter, Response
from starlette.requests import Request

from mintmark._enrolment.row import COLUMNS
from mintmark._tables import PHOTO_COLUMN
from web import uploads
from web.access import Changer, Reader
from web.gateway import Shared
from web.tables import TableRows

router = APIRouter(tags=["tables"])

_CSV = "text/csv; charset=utf-8"
_EXAMPLE = {
    **{"path": "euro-front.jpg", "entry": "my-1", "name": "2 euro", "country": "Germany", "currency": "euro"},
    **{"denomination": "2", "side": "obverse", "year": "2002", "mint_mark": "D"},
}


@router.post("/tables", response_model=TableRows, openapi_extra=uploads.described_table())
async def read_table(request: Request, gateway: Shared, access: Changer) -> Response:
    """Say what the rows of a CSV file or a spreadsheet mean, as for `mintmark enroll --from`; changes nothing."""
    data = await uploads.table_of(request, gateway.settings)
    return Response(await gateway.tables.read(data), media_type="application/json")


@router.get(
    "/tables/example.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def example(access: Reader) -> Response:
    """A table to fill in: its header, and a row that shows what is meant."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [name for name in COLUMNS if name != PHOTO_COLUMN], lineterminator="\r\n")
    writer.writeheader()
    writer.writerow(_EXAMPLE)
    return Response(text.getvalue(), media_type=_CSV)
