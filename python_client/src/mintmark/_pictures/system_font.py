"""Letters that the package's own font lacks, such as Chinese ones: from a font of the system, if Pillow is there."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FOLDERS = (
    Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts",
    Path.home() / ".local/share/fonts", Path("/System/Library/Fonts"), Path("/Library/Fonts"), Path("C:/Windows/Fonts"),
)  # fmt: skip
NAMES = (  # the first that is there is used
    "NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf", "SourceHanSans-Regular.ttc", "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf", "wqy-microhei.ttc", "wqy-zenhei.ttc", "uming.ttc", "PingFang.ttc", "Hiragino Sans GB.ttc",
    "msyh.ttc", "YuGothM.ttc", "malgun.ttf",
)  # fmt: skip


def has(letter: str) -> bool:
    """Whether the system's font has the letter; it is not asked for control characters."""
    return letter.isprintable() and not letter.isspace() and _ink(letter, 32) is not None


def advance(letter: str, size: float) -> float:
    """Width of a letter that the font has, px, at `size` px of an em."""
    font = _font(round(size))
    assert font is not None
    return float(font.getlength(letter))


def ink(letter: str, size: float) -> tuple[npt.NDArray[np.uint8], int, int]:
    """Mask [h, w] of a letter that the font has, 0 to 255, and where its corner lies from the base line's left end."""
    found = _ink(letter, round(size))
    assert found is not None
    return found


@cache
def _file() -> Path | None:
    found = {
        path.name: path for folder in FOLDERS if folder.is_dir() for path in folder.rglob("*") if path.name in NAMES
    }
    return next((found[name] for name in NAMES if name in found), None)


@cache
def _font(size: int) -> Any:
    """Pillow's font, None without Pillow or a font; Pillow is not among what the package needs."""
    try:
        from PIL import ImageFont

        return ImageFont.truetype(str(_file()), max(size, 1)) if _file() else None
    except (ImportError, OSError):
        return None


@cache
def _ink(letter: str, size: int) -> tuple[npt.NDArray[np.uint8], int, int] | None:
    font = _font(size)
    if font is None:
        return None
    mask, (left, top) = font.getmask2(letter, mode="L", anchor="ls")
    missing, _ = font.getmask2("\U0010fffe", mode="L", anchor="ls")  # no font has it: what stands for any missing one
    drawn = np.array(mask, np.uint8).reshape(mask.size[::-1])
    if not drawn.size or (mask.size == missing.size and bytes(mask) == bytes(missing)):
        return None
    return drawn, left, top
