"""The client's letters are those that the script makes of the font."""

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def make_font(script: Callable[[str], ModuleType]) -> ModuleType:
    """The script as a module."""
    return script("make_font")


def test_the_committed_letters_are_current(make_font: ModuleType) -> None:
    made = make_font.letters(make_font.TTFont(make_font.FONT))
    with np.load(make_font.OUT) as kept:
        assert kept.files == list(made)
        for name, values in made.items():
            np.testing.assert_array_equal(kept[name], values, err_msg=name)
    assert make_font.OUT.with_name("LICENSE_DEJAVU").read_bytes() == make_font.LICENCE.read_bytes()


def test_a_curve_passes_through_its_ends_and_bends_towards_its_control_point(make_font: ModuleType) -> None:
    points = make_font._curve((0.0, 0.0), ((1.0, 2.0), (2.0, 0.0)))
    assert points[-1] == (2.0, 0.0) and points[make_font.CURVE_STEPS // 2 - 1] == (1.0, 1.0)
    two = make_font._curve((0.0, 0.0), ((0.0, 2.0), (2.0, 2.0), (2.0, 0.0)))
    assert two[make_font.CURVE_STEPS - 1] == (1.0, 2.0), "halfway between two points off the curve"
