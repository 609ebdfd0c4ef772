import numpy as np
import pytest

from feedrank.errors import InvalidInput
from feedrank.simulator.templates import check, render, slots

FACTS = {
    "a": "Ashford Rovers",
    "p": "Mei Chen",
    "n": "8",
    "m": "11",
    "k": "110",
    "o": "orange wine",
    "w": "Fjordbank",
    "b": "St. Brannock's",
}


def rendered(template: str) -> set[str]:
    rng = np.random.default_rng(0)
    return {render(template, FACTS, rng) for _ in range(60)}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{p.last} [wins|loses]", {"Chen wins", "Chen loses"}),
        ("a [win for {p}|loss]", {"A win for Mei Chen", "A loss"}),
        ("{n.a}-point lead", {"An 8-point lead"}),
        ("{m.a}-point lead", {"An 11-point lead"}),
        ("{k.a}-point lead", {"A 110-point lead"}),
        ("{o.a} and {w.a}", {"An orange wine and a Fjordbank"}),
        ("{a}'s win, {w}'s loss", {"Ashford Rovers' win, Fjordbank's loss"}),
        ("{b}'s win", {"St. Brannock's win"}),
        ("“so [it|]  is”", {"“So it is”", "“So is”"}),
    ],
)
def test_render_gives_every_alternative_and_fills_slots(template: str, expected: set[str]) -> None:
    assert rendered(template) == expected


def test_render_without_capital_keeps_the_first_letter() -> None:
    assert render("the loss of {p}", FACTS, np.random.default_rng(0), capital=False) == "the loss of Mei Chen"


def test_slots_are_found_inside_alternatives() -> None:
    assert slots("{a} [beats {p.last}|{n.a}]") == {"a", "p", "n"}


@pytest.mark.parametrize("template", ["{a} [x|y", "{a} x]", "{a} {B}", "{a", "{unknown}", "{a.first}"])
def test_check_refuses_what_cannot_be_rendered(template: str) -> None:
    with pytest.raises(InvalidInput, match=r"file\.toml: frame"):
        check(template, frozenset(FACTS), "file.toml: frame")
