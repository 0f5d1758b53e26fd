"""Text in pictures: letters of many scripts, the same with any OpenCV."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mintmark._pictures import system_font, text
from mintmark._pictures.canvas import Picture

INK = (10, 20, 30)


@pytest.fixture
def no_system_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a system without any font."""
    yield from _with_file(monkeypatch, None)


@pytest.fixture
def a_system_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a system whose font has Georgian letters, which the package's own font lacks."""
    pytest.importorskip("PIL", reason="letters of a system's font need Pillow")
    matplotlib = pytest.importorskip("matplotlib", reason="its fonts stand in for a system's")
    yield from _with_file(monkeypatch, Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


def _with_file(monkeypatch: pytest.MonkeyPatch, file: Path | None) -> Iterator[None]:
    caches = (system_font._font, system_font._ink, text._mask)
    monkeypatch.setattr(system_font, "_file", lambda: file)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def written(line: str, size: float = 40) -> Picture:
    """A line on white."""
    canvas = np.full((80, 600, 3), 255, np.uint8)
    text.write(canvas, line, (20, 50), size, INK)
    return canvas


def ink(picture: Picture) -> np.ndarray:
    """Which pixels were written on."""
    return (picture < 255).any(2)


@pytest.mark.parametrize("line", ["5 Złotych", "Österreich", "Δραχμή", "Рубль ёлка", "Đồng", "½ € ₽ “x” — …", "Ẁ ſ Ǿ"])
def test_every_letter_is_drawn_as_itself(line: str, no_system_font: None) -> None:
    missing = written(text._MISSING)
    assert ink(written(line)).any()
    for letter in line.replace(" ", ""):
        assert ink(written(letter)).any() and (written(letter) != missing).any(), letter
    assert (written(line) != written(line[::-1])).any()


def test_a_letter_has_holes_and_full_ink(no_system_font: None) -> None:
    picture = written("O", 60)
    rows, columns = np.nonzero(ink(picture))
    middle = picture[(rows.min() + rows.max()) // 2]
    assert (middle[(columns.min() + columns.max()) // 2] == 255).all(), "the hole"
    assert (picture.reshape(-1, 3) == INK).all(1).any(), "the stroke"
    ring = written("®", 60)
    inner = ink(ring)[25:45, 35:55]
    assert inner.any() and not inner.all(), "a letter within a ring"


def test_composed_and_decomposed_letters_are_the_same(no_system_font: None) -> None:
    assert (written("e\u0301") == written("é")).all()


def test_what_cannot_be_drawn(no_system_font: None) -> None:
    sign = written(text._MISSING)
    assert (written("百") == sign).all() and (written("\x07") == sign).all()
    assert (written("ﬁ") == written("f")).all(), "a letter that resembles it"
    assert not ink(written("\u0301\u3000\n")).any(), "marks without a letter, and spaces"


def test_letters_of_a_system_font(a_system_font: None) -> None:
    georgian = written("ლარი")
    assert ink(georgian).any() and (georgian != written(text._MISSING * 4)).any()
    columns = np.nonzero(ink(georgian))[1]
    assert columns.max() <= 20 + text.text_width("ლარი", 40) + 2
    assert (written("\U0010fffd") == written(text._MISSING)).all(), "no font has it"


def test_width_and_place(no_system_font: None) -> None:
    assert text.text_width("mm", 40) == pytest.approx(2 * text.text_width("m", 40))
    assert text.text_width("m", 20) == pytest.approx(text.text_width("m", 40) / 2)
    rows, columns = np.nonzero(ink(written("H")))
    assert rows.max() in (49, 50) and 20 <= columns.min() <= 25
    assert columns.max() <= 20 + text.text_width("H", 40)


def test_cut(no_system_font: None) -> None:
    line = "a very long name of a coin"
    assert text.cut(line, 20, 1000) == line
    short = text.cut(line, 20, 100)
    assert short.endswith("…") and line.startswith(short[:-1]) and text.text_width(short, 20) <= 100
    assert text.text_width(short[:-1] + line[len(short) - 1 : len(short) + 1] + "…", 20) > 100, "no more fits"
    assert text.cut(line, 20, 3) == ""
    assert len(text.cut("x" * 100_000, 20, 300)) < 60


@pytest.mark.parametrize("place", [(-30, 10), (590, 79), (-500, 40), (700, 40), (10, -50), (10, 200)])
def test_what_lies_outside_is_cut_off(place: tuple[float, float], no_system_font: None) -> None:
    canvas, wide = np.full((80, 600, 3), 255, np.uint8), np.full((480, 2600, 3), 255, np.uint8)
    text.write(canvas, "Edge", place, 40, INK)
    text.write(wide, "Edge", (place[0] + 1000, place[1] + 200), 40, INK)
    assert (canvas == wide[200:280, 1000:1600]).all()
