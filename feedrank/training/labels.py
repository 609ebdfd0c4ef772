"""Labels: which items of a request were clicked, and which the client reported as seen.

A label is a gain: 1 for a click, 0 for an item seen and not clicked. Dwell, likes and hides are features of later
requests; as gains they would tie a model to one product's idea of a good read. Knows nothing of feature rows or of
models.
"""

from collections.abc import Iterable

from feedrank.records import EventRecorded, Fact
from feedrank.types import Action, Row

CLICKED = 1  # the gain of a click
_NONE: frozenset[Row] = frozenset()


class Answers:
    """What users did with the slates of their requests."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._clicked: dict[tuple[str, str], set[Row]] = {}
        self._viewed: dict[tuple[str, str], set[Row]] = {}
        self._users: dict[str, set[str]] = {}  # of each request id
        for fact in facts:
            if not isinstance(fact, EventRecorded) or not fact.event.request_id:
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

    def _of(self, answers: dict[tuple[str, str], set[Row]], user_id: str, request_id: str) -> frozenset[Row] | set[Row]:
        if user_id:
            return answers.get((user_id, request_id), _NONE)
        # A slate of an unpersonalised request carries no user, while its events may.
        users = self._users.get(request_id, ())
        return _NONE.union(*(answers.get((user, request_id), _NONE) for user in users))
