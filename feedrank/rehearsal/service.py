"""The service under a simulated clock: the real log, indexer, publisher, pipeline, slates, training and activation.

Each part is the one that serves; only what waits for wall-clock time is called in turn instead of running in a thread
or process of its own. So a world's week passes in minutes, and equal seeds give equal feeds. Knows nothing of what is
true of the world: it is told articles, readers and events, as any service is.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from feedrank.errors import Unavailable
from feedrank.features import fingerprint_of
from feedrank.index.backlog import Backlog
from feedrank.index.embedding import embed
from feedrank.index.encoder import Encoder
from feedrank.index.stories import StoryBook
from feedrank.pipeline.feed import RankCall
from feedrank.pipeline.paging import PageTokens
from feedrank.pipeline.stages import RequestFilter
from feedrank.registry import Registry
from feedrank.serving.activation import activate
from feedrank.serving.publisher import Publisher
from feedrank.serving.ranking import Ranking
from feedrank.serving.slate_writer import Make
from feedrank.settings import DataSettings, Settings
from feedrank.simulator.visits import Ask
from feedrank.simulator.world import World
from feedrank.store import StoredSlate
from feedrank.store.sqlite import SqliteStore
from feedrank.training.dataset import Dataset, joined
from feedrank.training.fit import FitParams
from feedrank.training.period import BEGINNING
from feedrank.training.train import Assignment, Trained, collect, train_on
from feedrank.types import HOUR, I64, Event, Item, Micros, WriteResult

MODEL = "nightly"
# Learnt from what was shown alone: see docs/adr/0018-nights-learn-from-what-was-shown.md.
NIGHTLY = FitParams(
    objective="binary",
    learning_rate=0.06,
    num_leaves=5,
    min_data_in_leaf=100,
    lambda_l2=50.0,
    feature_fraction=0.3,
    place_decay=0.6,
    max_rounds=200,
    patience=20,
    near_best=0.0,
    num_threads=1,
)
EMBEDDED_AT_ONCE = 64
READ = 5_000  # records read from the log at a time
SLATES = 200  # written at a time
SWAP_S = 60.0  # verifying a model starts a child process, which on a busy machine takes seconds


@dataclass(slots=True)
class Clock:
    """The simulated present."""

    now: Micros

    def __call__(self) -> Micros:
        return self.now


@dataclass(slots=True)
class Journal:
    """What the service did that its feeds do not show."""

    rank_ms: list[float] = field(default_factory=list)
    trained: list[Trained] = field(default_factory=list)
    training_s: list[float] = field(default_factory=list)
    degraded: int = 0


class _HeldSlates:
    """Slates of a day, written together at its end: nobody reads them before, and a simulated day does not crash."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._held: list[StoredSlate] = []

    def put(self, make: Make) -> None:
        self._held.append(make())

    def flush(self) -> None:
        """Writes all that is held."""
        for start in range(0, len(self._held), SLATES):
            self._store.append_slates(self._held[start : start + SLATES])
        self._held.clear()


class RehearsedService:
    """A service that starts empty. One at a time a folder; `close` it. Implements `feedrank.simulator.visits.Feeds`."""

    def __init__(self, world: World, folder: Path, settings: Settings, encoder: Encoder | None) -> None:
        self._world, self._settings, self._encoder = world, settings, encoder
        self.clock = Clock(world.settings.first_publication)
        self.journal = Journal()
        self.store = SqliteStore.open(folder / "data", settings)
        self._registry = Registry(settings.models_dir, fingerprint_of)
        stories = StoryBook(settings.story_threshold, int(settings.story_hours * HOUR))
        self._backlog = Backlog(encoder.space, stories) if encoder is not None else None
        self._publisher = Publisher(
            self.store, self._registry, settings, DataSettings(), folder / "data", self.clock, _unobserved
        )
        self._publisher.start(follow=False)
        tokens = PageTokens(secrets.token_bytes(32), settings.page_token_minutes)
        self._slates = _HeldSlates(self.store)
        self._ranking = Ranking(self.store, tokens, self._slates, settings.slate_sampling, self.clock)
        self._articles = 0  # published so far
        self._learnt: list[Dataset] = []  # of each night
        self._learnt_until: Micros = BEGINNING
        _landed(self.store.append_users(list(world.users()), self.clock.now))

    def rank(self, ask: Ask) -> I64:
        """The feed of one request, as item numbers."""
        self._advance(ask.now)
        world, user = self._world, ask.user
        languages = tuple(
            w for w, reads in zip(world.lexicon.languages, world.readers.reads[user], strict=True) if reads
        )
        call = RankCall(
            user_id=world.user_ids[user],
            limit=world.settings.slate_size,
            context=world.context(user, ask.session_id),
            filter=RequestFilter(
                languages=languages, exclude_item_ids=tuple(world.item_ids[n] for n in ask.shown_here.tolist())
            ),
            request_id=ask.request_id,
        )
        began = time.perf_counter()
        feed = self._ranking.rank(self._publisher.view, call)
        self.journal.rank_ms.append(1_000.0 * (time.perf_counter() - began))
        self.journal.degraded += feed.degraded
        return np.array([world.item_number(item.item_id) for item in feed.items], np.int64)

    def observe(self, events: Sequence[Event]) -> None:
        """Records live events, received as the last of them happened."""
        self._advance(events[-1].time)
        _landed(self.store.append_events(events, self.clock.now))

    def end_day(self, midnight: Micros) -> None:
        """Trains on every slate so far, each replayed on its own night, and activates what comes of it."""
        self._advance(midnight)
        self.flush()
        began = time.perf_counter()
        today, space = collect(self.store, Assignment(MODEL, self._learnt_until, midnight))
        self._learnt.append(today.judged())
        self._learnt_until = midnight
        assignment = Assignment(MODEL, until=midnight, params=NIGHTLY)
        trained = train_on(joined(self._learnt), space, self._registry, assignment, self._settings.champion)
        self.journal.training_s.append(time.perf_counter() - began)
        self.journal.trained.append(trained)
        activate(self.store, self._registry, trained.reference, self._settings.champion, "trained tonight", self.clock)
        self._await(trained.reference)

    def flush(self) -> None:
        """Writes the slates held so far."""
        self._slates.flush()

    def close(self) -> None:
        """Flushes slates and closes the store."""
        self.flush()
        self._publisher.stop()
        self.store.close()

    def _advance(self, now: Micros) -> None:
        """Moves the clock, publishes the articles due, embeds what waits, and has the publisher follow."""
        self.clock.now = now
        due = int(np.searchsorted(self._world.articles.published_at, now, side="right"))
        if due > self._articles:
            items = [as_sent(self._world, number) for number in range(self._articles, due)]
            _landed(self.store.append_items(items, now))
            self._articles = due
        if self._backlog is not None and self._encoder is not None:
            while records := self.store.read(self._backlog.position, READ):
                self._backlog.apply(records)
            while len(self._backlog):
                embed(self.store, self._encoder, self._backlog, self._backlog.take(EMBEDDED_AT_ONCE), now)
        self._publisher.turn()

    def _await(self, reference: str) -> None:
        deadline = time.monotonic() + SWAP_S
        while self._publisher.view.model.version != reference:
            if time.monotonic() > deadline:
                raise Unavailable(f"{reference} was not taken up within {SWAP_S:.0f} s: {self._publisher.problems}")
            time.sleep(0.01)
            self._publisher.turn()


def as_sent(world: World, number: int) -> Item:
    """An article as its publisher sends it: it expires with the world's lifetime, or earlier by its own."""
    item = world.item(number)
    end = item.published_at + world.settings.lifetime_hours * HOUR
    return replace(item, expires_at=min(item.expires_at, end) if item.expires_at else end)


def _landed(result: WriteResult) -> None:
    """A world's records are valid: one the store refuses is a defect of the rehearsal."""
    if result.rejected:
        raise Unavailable(f"the store refused {len(result.rejected)} records: {result.rejected[0].reason}")


def _unobserved(stage: str, seconds: float, candidates: int) -> None:
    """Stages are not timed one by one."""
