"""Labels: which items of a request were clicked, and which the client reported as seen.

A label is 1 for a click and 0 for an item seen and not clicked: that is what models are judged by. A grade tells more:
whether a click became a good read, whether what was not clicked was hidden, or passed over on the way to a click. What
grades are worth is a matter of fit parameters. Knows nothing of feature rows or of models.
"""

from collections.abc import Container, Iterable, Sequence
from enum import IntEnum

from feedrank.records import EventRecorded, Fact
from feedrank.types import HOUR, Action, Micros, Row

CLICKED = 1  # the label of a click
GOOD_READ_S = 30.0  # about the median of a read: who stays so long meant to
ANSWERED_WITHIN = 1 * HOUR  # what a user does with an item later than this is no answer to the request
_ENDORSING = (Action.LIKE, Action.SAVE, Action.SHARE)
_NONE: frozenset[Row] = frozenset()


class Grade(IntEnum):
    """What became of an item that was seen, worst first."""

    HIDDEN = 0
    PASSED_OVER = 1  # unclicked, above something clicked: looked at, if anything was (Joachims 2002)
    SEEN = 2
    CLICKED = 3
    GOOD = 4  # clicked, and then read for GOOD_READ_S or liked, saved or shared


class Answers:
    """What users did with the slates of their requests."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._endorsed: dict[tuple[str, Row], list[Micros]] = {}
        self._hidden: dict[tuple[str, Row], list[Micros]] = {}
        self._clicked: dict[tuple[str, str], set[Row]] = {}
        self._viewed: dict[tuple[str, str], set[Row]] = {}
        self._users: dict[str, set[str]] = {}  # of each request id
        for fact in facts:
            if not isinstance(fact, EventRecorded):
                continue
            good = fact.action in _ENDORSING or (fact.action == Action.DWELL and fact.value >= GOOD_READ_S)
            if fact.rows and (good or fact.action == Action.HIDE):
                times = self._endorsed if good else self._hidden
                times.setdefault((fact.event.user_id, fact.rows[0]), []).append(fact.time)
            if not fact.event.request_id:
                continue
            if fact.action == Action.CLICK:
                answers = self._clicked
            elif fact.action == Action.VIEW:
                answers = self._viewed
            else:
                continue
            user_id, request_id = fact.event.user_id, fact.event.request_id
            answers.setdefault((user_id, request_id), set()).update(fact.rows)
            self._users.setdefault(request_id, set()).add(user_id)

    def clicked(self, user_id: str, request_id: str) -> frozenset[Row] | set[Row]:
        """Rows of the items clicked in answer to a request."""
        return self._of(self._clicked, user_id, request_id)

    def viewed(self, user_id: str, request_id: str) -> frozenset[Row] | set[Row]:
        """Rows of the items reported as seen."""
        return self._of(self._viewed, user_id, request_id)

    def grades(self, user_id: str, time: Micros, rows: Sequence[Row], clicked: Container[Row]) -> list[Grade]:
        """The grade of each row of a slate seen from `time` on, given in position order, and what was clicked of it."""
        last = max((i for i, row in enumerate(rows) if row in clicked), default=-1)
        found = []
        for i, row in enumerate(rows):
            if row in clicked:
                found.append(Grade.GOOD if _soon(self._endorsed.get((user_id, row), ()), time) else Grade.CLICKED)
            elif _soon(self._hidden.get((user_id, row), ()), time):
                found.append(Grade.HIDDEN)
            else:
                found.append(Grade.PASSED_OVER if i < last else Grade.SEEN)
        return found

    def _of(self, answers: dict[tuple[str, str], set[Row]], user_id: str, request_id: str) -> frozenset[Row] | set[Row]:
        if user_id:
            return answers.get((user_id, request_id), _NONE)
        # A slate of an unpersonalised request carries no user, while its events may.
        users = self._users.get(request_id, ())
        return _NONE.union(*(answers.get((user, request_id), _NONE) for user in users))


def _soon(times: Iterable[Micros], after: Micros) -> bool:
    return any(after <= time < after + ANSWERED_WITHIN for time in times)
