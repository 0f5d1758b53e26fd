"""What one request may cost: the limits of photos and of texts, which the server's operator sets."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from ensemble import variables

_MOST = 2**31 - 1  # bytes, that gRPC's messages have at most
_SETTING = re.compile(r"([a-z_]+)=([0-9]{1,18})")


@dataclass(frozen=True)
class Limits:
    """Each limit, with its default. All but the first three are read from a photo's header, before it is decoded."""

    message_bytes: int = field(default=128_000_000, metadata={"doc": "bytes of a whole request, or of an answer"})
    photo_bytes: int = field(default=32_000_000, metadata={"doc": "bytes of a photo's file"})
    request_bytes: int = field(
        default=16_000_000, metadata={"doc": "bytes of the JSON text of an enrolment or of a catalog operation"}
    )
    side: int = field(default=32_768, metadata={"doc": "px of a photo's longer side"})
    memory: int = field(default=1_000_000_000, metadata={"doc": "bytes that decoding one photo takes, as estimated"})
    scans: int = field(
        default=32, metadata={"doc": "scans of a JPEG; a progressive one has about 10; slices of a HEIF"}
    )
    parts: int = field(
        default=20_000, metadata={"doc": "segments, chunks, tags, blocks, boxes, items and units of a file"}
    )
    tiles: int = field(default=32_768, metadata={"doc": "tiles or strips of a TIFF, tiles of a HEIF or AVIF"})
    frames: int = field(default=1_000, metadata={"doc": "frames of a WebP, of which the first counts"})

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "Limits":
        """What the server's setting says, such as 'photo_bytes=8000000 scans=20'.

        Raises:
            ValueError: it has no such form, no limit has the name, or a number is 0 or too large.
        """
        given: dict[str, int] = {}
        allowed = [one.name for one in fields(cls)]
        for word in environment.get(variables.LIMITS, "").split():
            setting = _SETTING.fullmatch(word)
            if setting is None or setting[1] not in allowed or not 1 <= int(setting[2]) <= _MOST:
                raise ValueError(
                    f"{variables.LIMITS} has {word[:80]!r}; it must be NAME=NUMBER, a name of {', '.join(allowed)},"
                    f" and a number from 1 to {_MOST}"
                )
            given[setting[1]] = int(setting[2])
        return cls(**given)


DEFAULT = Limits()
