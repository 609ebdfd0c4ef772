"""Grades: what became of an item that was seen, from what its user did within the hour."""

import pytest

from feedrank.errors import InvalidInput
from feedrank.training.fit import CLICKS_ALONE, FitParams
from feedrank.training.labels import ANSWERED_WITHIN, GOOD_READ_S, Answers, Grade
from feedrank.types import MINUTE, Action, Micros
from tests.strategies import T0, FactLog

SLATE = ("a", "b", "c", "d", "e")


def grades(*happened: tuple[Action, str, Micros, float | None]) -> list[Grade]:
    """The grades of a slate in which c was clicked, and what else the user did with it afterwards."""
    log = FactLog(imported=True)
    log.event(Action.VIEW, "u", SLATE, T0, request="r")
    log.event(Action.CLICK, "u", "c", T0 + MINUTE, request="r")
    for action, item, after, value in happened:
        log.event(action, "u", item, T0 + after, value=value)
    answers = Answers(log.facts)
    rows = [log.row(item) for item in SLATE]
    return answers.grades("u", T0, rows, answers.clicked("u", "r"))


def test_what_stands_above_a_click_was_passed_over() -> None:
    over, seen = Grade.PASSED_OVER, Grade.SEEN
    assert grades() == [over, over, Grade.CLICKED, seen, seen]
    assert Answers(()).grades("u", T0, [1, 2], ()) == [seen, seen]


@pytest.mark.parametrize(
    ("action", "item", "after", "value", "place", "grade"),
    [
        (Action.DWELL, "c", 2 * MINUTE, GOOD_READ_S, 2, Grade.GOOD),
        (Action.DWELL, "c", 2 * MINUTE, GOOD_READ_S - 1, 2, Grade.CLICKED),
        (Action.LIKE, "c", 2 * MINUTE, None, 2, Grade.GOOD),
        (Action.SHARE, "c", ANSWERED_WITHIN, None, 2, Grade.CLICKED),
        (Action.HIDE, "d", MINUTE, None, 3, Grade.HIDDEN),
        (Action.HIDE, "a", MINUTE, None, 0, Grade.HIDDEN),
        (Action.HIDE, "d", -MINUTE, None, 3, Grade.SEEN),
    ],
)
def test_what_the_user_does_within_the_hour_decides(
    action: Action, item: str, after: Micros, value: float | None, place: int, grade: Grade
) -> None:
    assert grades((action, item, after, value))[place] == grade


def test_gains_never_fall_with_the_grade() -> None:
    assert FitParams().gains == CLICKS_ALONE
    for gains in ((0.0, 1.0), (1.0, 0.0, 0.0, 1.0, 1.0), (0.0,) * 5, (-1.0, 0.0, 0.0, 1.0, 1.0)):
        with pytest.raises(InvalidInput, match="gains"):
            FitParams(gains=gains)
