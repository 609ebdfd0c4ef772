"""Reads the whole log as facts, and what it says of users besides their behaviour.

Knows nothing of impressions or of features.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable

from feedrank.records import Fact, Kind, UserUpserted, decode
from feedrank.store import LogStore
from feedrank.types import Context, Micros

PAGE = 20_000  # records a read; enough to hide the cost of a query, small enough to show progress
Progress = Callable[[int], None]  # told of each step how much it got done


def no_progress(done: int) -> None:
    """For callers who watch nothing."""


def read_facts(store: LogStore, events_until: Micros | None = None, progress: Progress = no_progress) -> list[Fact]:
    """Every fact of the log, in offset order, without events received at or after `events_until`.

    Other kinds come whatever their time: an encoder that ran today embeds the texts of long ago. `progress` hears the
    number of records read. StoreError if the log cannot be read.
    """
    facts: list[Fact] = []
    after = 0
    while page := store.read(after, PAGE):
        for record in page:
            if events_until is not None and record.kind == Kind.EVENT and record.received_at >= events_until:
                continue
            fact = decode(record)
            if fact is not None:
                facts.append(fact)
        after = page[-1].offset
        progress(len(page))
    return facts


class Accounts:
    """What backends told of users, by user id and time."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._told: dict[str, list[tuple[Micros, UserUpserted]]] = {}
        for fact in facts:
            if isinstance(fact, UserUpserted):
                self._told.setdefault(fact.user.user_id, []).append((fact.received_at, fact))
        for told in self._told.values():
            told.sort(key=lambda entry: entry[0])

    def context(self, user_id: str, time: Micros, session_id: str) -> Context:
        """The context of a request as far as the log knows it: the session, and the account as told by `time`."""
        told = self._told.get(user_id, ())
        known = bisect_right(told, time, key=lambda entry: entry[0])
        if not known:
            return Context(session_id=session_id)
        user = told[known - 1][1].user
        return Context(user.language, user.country, user.region, session_id=session_id)
