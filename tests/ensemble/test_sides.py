"""A text that is no side of a coin is refused with the side that it means, where there is no doubt which."""

import pytest

from ensemble.entry import SIDES
from ensemble.sides import wrong_side


@pytest.mark.parametrize("side", SIDES)
def test_the_sides_are_sides(side: str) -> None:
    assert wrong_side(side) == ""


MEANT = {
    "obverse": ["front", "heads", "avers", "Avers.", "Vorderseite", "droit", "anverso", "dritto", "obvers", "OBVERSE",
                "obeverse", "observe"],
    "reverse": ["back", "Tails", "revers", "Rückseite", "RU\u0308CKSEITE", "reverso", "rovescio", "revrse", "reverse "],
    "edge": ["rim", "Rand", "tranche", "canto", "bordo", "edeg", "Edge"],
}  # fmt: skip


@pytest.mark.parametrize(("side", "text"), [(side, text) for side, texts in MEANT.items() for text in texts])
def test_names_and_spellings_suggest_a_side(side: str, text: str) -> None:
    assert wrong_side(text) == f"side is {text!r}: did you mean {side!r}? a side is obverse, reverse or edge"


@pytest.mark.parametrize("text", ["", "a", "both", "5", "obversereverse", "averso", "inverse", "正面"])
def test_what_may_mean_two_sides_or_none_suggests_none(text: str) -> None:
    assert wrong_side(text) == f"side is {text!r}: a side is obverse, reverse or edge"


def test_a_command_may_take_more() -> None:
    assert wrong_side("both", (*SIDES, "both")) == ""
    assert wrong_side("Both", (*SIDES, "both")).startswith("side is 'Both': did you mean 'both'? ")
    assert wrong_side("avers", (*SIDES, "both")).startswith("side is 'avers': did you mean 'obverse'? ")


def test_the_reason_is_one_short_line() -> None:
    said = wrong_side("obverse\n" * 1000)
    assert "\n" not in said and len(said) < 120
