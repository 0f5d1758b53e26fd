"""Ids: what could be none is refused before the server is asked."""

import re
from typing import Annotated

from fastapi import Path

_ID = r"[A-Za-z0-9._:-]{1,64}"

EntryId = Annotated[str, Path(pattern=f"^{_ID}$", description="of an entry")]
ViewId = Annotated[str, Path(pattern=f"^{_ID}$", description="of a photo of an entry")]


def is_id(text: str) -> bool:
    """Whether a text could be an id."""
    return re.fullmatch(_ID, text) is not None
