"""Experiments written into a real store: slates with exposures, and what simulated readers did with them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from feedrank.analysis.experiment_report import Decision, Question, Report, analyse, load_definitions
from feedrank.analysis.experiment_report.readings import Reading
from feedrank.records import Kind
from feedrank.settings import Settings
from feedrank.store import StoredSlate
from feedrank.store.sqlite import SqliteStore
from feedrank.types import DAY, HOUR, SECOND, Action, Event, Item, ItemId, UserId
from feedrank.v1 import feedrank_pb2 as pb
from feedrank.v1 import log_pb2 as log

START = 1_767_571_200 * SECOND  # 2026-01-05, midnight
NAME = "ranker-7"
ITEMS = 40
PLACES = 10
DEFINITION = """
[[experiment]]
name = "ranker-7"
salt = "ranker-7"
layer = "ranking"
variant = [
    { name = "control", weight = 50 },
    { name = "new", weight = 50, settings = { selector.diversity = 0.3 } },
]
"""


END_OF = {days: START + (days - 1) * DAY + 19 * HOUR for days in range(1, 6)}  # when the last readers come


@dataclass
class Shop:
    """A store under construction. Readers `u0`, `u1`, ... alternate between the variants."""

    store: SqliteStore
    events: list[Event] = field(default_factory=list)
    slates: list[StoredSlate] = field(default_factory=list)

    def define(self, toml: str = DEFINITION) -> None:
        self.store.append_control(
            Kind.EXPERIMENTS_CHANGED, log.ExperimentsChanged(toml=toml).SerializeToString(), START - DAY
        )

    def slate(
        self,
        user: str,
        time: int,
        variant: str = "",
        *,
        served: str | None = None,
        overridden: bool = False,
        request_id: str = "",
        unit: str = "user",
        session: str = "",
        rows: Sequence[int] = range(PLACES),
        degraded: bool = False,
        rank_us: int = 0,
        device: str = "",
        drafted: Sequence[int] = (),
        propensities: Sequence[float] = (),
    ) -> str:
        """A served slate; `variant` "" leaves it out of the experiment. `drafted`: teams 1, 2 or 0 by place."""
        request_id = request_id or f"r{len(self.slates)}"
        exposures = []
        if variant:
            served = variant if served is None else served
            exposures = [
                log.Exposure(experiment=NAME, assigned=variant, served=served, overridden=overridden, unit=unit)
            ]
        body = log.Slate(
            request_id=request_id,
            user_id=user,
            now_us=time,
            candidate_rows=list(rows),
            shown=list(range(len(rows))),
            propensities=propensities or [1.0] * len(rows),
            exposures=exposures,
            degraded=degraded,
            rank_us=rank_us,
            context=pb.Context(session_id=session, device=device),
            teams=list(drafted),
            team_names=["control", "new"] if drafted else [],
        )
        self.slates.append(StoredSlate(request_id, user, time, body.SerializeToString()))
        return request_id

    def answer(self, user: str, time: int, request_id: str, clicked: Sequence[int], places: int = PLACES) -> None:
        """A view of the whole slate, and clicks on some of its items with a dwell each."""

        def event(name: str, action: Action, at: int, **more: object) -> Event:
            return Event(f"{request_id}:{name}", UserId(user), at, action, request_id=request_id, **more)  # type: ignore[arg-type]

        self.events.append(event("view", Action.VIEW, time, item_ids=tuple(f"a{i}" for i in range(places))))
        for i in clicked:
            self.events.append(event(f"click{i}", Action.CLICK, time + SECOND, item_id=f"a{i}"))
            self.events.append(event(f"dwell{i}", Action.DWELL, time + 2 * SECOND, item_id=f"a{i}", value=30.0))

    def live(self, users: int, days: int, rates: tuple[float, float], seed: int = 0, before_days: int = 0) -> None:
        """Readers come on day 0 and most others, once, and click at a rate of their own around `rates`."""
        rng = np.random.default_rng(seed)
        for n in range(users):
            user, variant = f"u{n}", ("control", "new")[n % 2]
            taste, eagerness = rng.gamma(4.0, 0.25), rng.uniform(0.8, 1.0)
            for day in range(-before_days, days):
                if day and rng.random() > eagerness:
                    continue
                time = START + day * DAY + int(rng.integers(20)) * HOUR
                rate = rates[n % 2] if day >= 0 else rates[0]
                device = ("mobile", "desktop")[n // 2 % 2]
                request = self.slate(user, time, variant if day >= 0 else "", device=device)
                clicked = np.flatnonzero(rng.random(PLACES) < min(rate * taste, 0.9)).tolist()
                self.answer(user, time, request, clicked)

    def written(self) -> SqliteStore:
        """The store with all of it."""
        self.store.append_events(sorted(self.events, key=lambda e: e.time), None)
        self.store.append_slates(sorted(self.slates, key=lambda s: s.time))
        self.events, self.slates = [], []
        return self.store


def opened_shop(folder: Path) -> Shop:
    """An empty store with a catalogue of items in four categories."""
    store = SqliteStore.open(folder, Settings())
    items = [Item(ItemId(f"a{i}"), title=f"item {i}", category=f"c{i % 4}", updated_at=1) for i in range(ITEMS)]
    store.append_items(items, None)
    return Shop(store)


def report_of(shop: Shop, **more: Any) -> Report:
    """What the shop's experiment says by the shipped definitions; `more` of a Question."""
    return analyse(shop.written(), Question(NAME, **more), load_definitions())


def decision(report: Report) -> Decision:
    """On its only treatment."""
    (verdict,) = report.verdicts
    return verdict.decision


def reading(report: Report, name: str) -> Reading:
    """Of one metric."""
    return next(r for r in report.readings if r.metric.name == name)
