"""Keeps the current view: tails the log, follows changes of model, rules and experiments, refreshes shared lists, swaps
one reference.

Everything new is built aside; a view that was handed out is never written again. One thread does it all, so nothing
here needs a lock but the reference. Knows nothing of requests.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from feedrank.errors import FeedRankError, NotFound
from feedrank.pipeline import lists
from feedrank.pipeline.executor import Observe
from feedrank.records import (
    ExperimentsChanged,
    Fact,
    ItemDeleted,
    ItemUpserted,
    ModelActivated,
    RulesChanged,
    UserErased,
    VectorLanded,
)
from feedrank.registry import Registry
from feedrank.serving import metrics
from feedrank.serving.laboratory import Laboratory
from feedrank.serving.lanes import PRIOR, Model, Wiring
from feedrank.serving.live import Live
from feedrank.serving.models import champion_or_prior, load_model
from feedrank.serving.rulebook import Rulebook
from feedrank.serving.snapshots import Snapshots
from feedrank.serving.traffic import Traffic
from feedrank.serving.view import View
from feedrank.settings import DataSettings, Settings
from feedrank.store import LogStore
from feedrank.types import HOUR, SECOND, Micros, Pause, Row

log = logging.getLogger(__name__)

MOST_AWAITING = 10_000  # items whose way to rankable is timed at once: without an encoder none ever arrives
# How long requests go first, at most: before the log is folded further, and before a model is loaded.
FOLLOWING_WAITS_S, LOADING_WAITS_S = 0.02, 2.0
REST = 20  # new items have the lists made anew at once, but never more than a twentieth of the time


class Publisher:
    """Owns live state and publishes views of it. `start` returns once caught up, with the first view standing."""

    def __init__(
        self,
        store: LogStore,
        registry: Registry,
        settings: Settings,
        data: DataSettings,
        data_dir: Path,
        clock: Callable[[], Micros],
        observe: Observe,
        traffic: Traffic | None = None,  # the requests that go first; None: there are none
    ) -> None:
        self._store, self._registry, self._settings, self._data = store, registry, settings, data
        self._snapshots = Snapshots(data_dir, store, settings, clock)
        self._clock, self._observe, self._traffic = clock, observe, traffic or Traffic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        # Verifying a model takes seconds: that happens aside, so that the log is followed meanwhile.
        self._loader = ThreadPoolExecutor(1, "model-loader")
        self._rulebook = Rulebook(store, data_dir, clock)
        self._laboratory = Laboratory(store, registry, settings, data_dir, clock, self._loader, self._loading_courtesy)
        self._loading: deque[tuple[str, Future[Model]]] = deque()
        self._compacting: threading.Thread | None = None
        self._erased_at: Micros | None = None
        self._problems: dict[str, str] = {}  # what GetStatus should say, by part
        self._view: View | None = None
        self._lists_cost_s = 0.0
        self._awaiting: dict[Row, Micros] = {}  # live items without a vector yet, and when they came

    @property
    def view(self) -> View:
        """The current view. Pin it once a request."""
        if self._view is None:
            raise RuntimeError("the publisher has not started")
        return self._view

    @property
    def ready(self) -> bool:
        """Whether a view stands."""
        return self._view is not None and not self._stop.is_set()

    @property
    def problems(self) -> tuple[str, ...]:
        """What GetStatus should say."""
        rules = () if self._rulebook.problem is None else (self._rulebook.problem,)
        return (*self._problems.values(), *rules, *self._laboratory.problems)

    def start(self, *, follow: bool = True) -> None:
        """Loads, catches up, publishes the first view and begins to follow the log; without `follow`, `turn` does."""
        # Verifying a model waits for a child process; the log is read meanwhile.
        early = self._loader.submit(champion_or_prior, self._registry, self._settings)
        live = self._snapshots.load_live()
        self._rulebook.look()
        self._laboratory.look()  # what it records is among what is caught up with
        experiments: ExperimentsChanged | None = None
        # Folded from the beginning, state never held the share of those erased before.
        clean = self._store.position() if live.position == 0 else 0
        while facts := live.follow(self._store):
            self._note_erasures([fact for fact in facts if fact.offset > clean])
            experiments = next((f for f in reversed(facts) if isinstance(f, ExperimentsChanged)), experiments)
        # After catching up: what is activated from here on is in the records still to come.
        self._model = self._in_force(early.result())
        self._laboratory.start(experiments)
        self._live = live
        self._make_lists()
        self._publish()
        self._refreshed_at = self._clock()
        if follow:
            self._thread.start()

    def _in_force(self, early: Model) -> Model:
        """The model loaded early, or the one that has become champion since."""
        try:
            now = self._registry.resolve(self._settings.champion)
        except NotFound:
            now = PRIOR
        return early if early.version == now else champion_or_prior(self._registry, self._settings)

    def _loading_courtesy(self) -> Pause:
        return self._traffic.courtesy(LOADING_WAITS_S)

    def stop(self) -> None:
        """Stops following and writes a snapshot of what was folded."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
            self._write_snapshot()
        self._loader.shutdown(cancel_futures=True)

    def turn(self) -> None:
        """One round of following: takes up what the log holds by now, and publishes it. For one thread at a time."""
        facts = self._live.follow(self._store, self._traffic.courtesy(FOLLOWING_WAITS_S))
        changed = self._heed(facts)
        idle_s = (self._clock() - self._refreshed_at) / SECOND
        new_items = any(isinstance(fact, ItemUpserted | ItemDeleted) for fact in facts)
        due = idle_s >= self._settings.refresh_s or (new_items and idle_s >= REST * self._lists_cost_s)
        if due:
            self._refresh()
            self._refreshed_at = self._clock()
        loaded = self._laboratory.take_loaded()
        if self._take_loaded() or loaded or due or changed:
            self._publish()
        self._problems.pop("publisher", None)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._store.wait(self._live.position, timeout_s=self._settings.refresh_s / 4)
                self.turn()
            except Exception:
                log.exception("following the log failed; trying again")
                self._problems["publisher"] = "following the log failed; see the worker's log"
                self._stop.wait(1.0)

    def _refresh(self) -> None:
        """What is done about once a second: lists, expiry, edited files, snapshot, rebuild after an erasure."""
        self._make_lists()
        self._rulebook.look()
        self._laboratory.look()
        if (
            self._erased_at is not None
            and self._clock() - self._erased_at >= self._settings.rebuild_after_erasure_h * HOUR
        ):
            self._rebuild()
        if self._erased_at is None:
            self._snapshots.write_if_due(self._live)

    def _write_snapshot(self, rebuilt: bool = False) -> None:
        """Writes a snapshot, unless an erasure waits for its rebuild.

        None may hold an erased user's share past the record that says so, or a restart would never learn of it.
        """
        if self._erased_at is None:
            self._snapshots.write(self._live, rebuilt)

    def _make_lists(self) -> None:
        """Makes the shared lists anew and takes expired items out of retrieval, as of the instant feeds are ranked."""
        started = time.perf_counter()
        now = self._clock()
        made = lists.build(self._live.state, now, self._data.serve_unlisted_items)
        self._live.expire(now)
        self._compact()
        self._problems.pop("clock", None)
        if made.idle:
            moment = datetime.fromtimestamp(made.built_at // SECOND, UTC).isoformat()
            self._problems["clock"] = f"the log has stood still for days: feeds are ranked as of {moment}"
        self._lists = made
        self._lists_cost_s = time.perf_counter() - started

    def _compact(self) -> None:
        """Lets searches gain from merged segments, aside: sorting a million vectors into cells takes half a minute."""
        if self._compacting is not None and self._compacting.is_alive():
            return
        if self._live.wants_compaction:
            self._compacting = threading.Thread(target=self._live.compact, name="compactor", daemon=True)
            self._compacting.start()

    def _heed(self, facts: Sequence[Fact]) -> bool:
        """Follows records that change more than item state; True if a new view is due at once."""
        self._note_erasures(facts)
        self._time_rankable(facts)
        for fact in facts:
            if isinstance(fact, ModelActivated):
                reference = f"{fact.name}@{fact.version}"
                pause = self._loading_courtesy()
                loading = self._loader.submit(load_model, self._registry, reference, self._settings, pause)
                self._loading.append((reference, loading))
            elif isinstance(fact, RulesChanged):
                self._rulebook.heed(fact)
            elif isinstance(fact, ExperimentsChanged):
                self._laboratory.heed(fact)
        return any(not isinstance(fact, UserErased) for fact in facts)

    def _take_loaded(self) -> bool:
        """Takes up models loaded aside, in the order of their activation; True if one is to be published."""
        taken = False
        while self._loading and self._loading[0][1].done():
            reference, loading = self._loading.popleft()
            try:
                self._model = loading.result()
                self._problems.pop("model", None)
                taken = True
            except FeedRankError as error:
                log.exception("an activated model does not load; the one in force stays", extra={"model": reference})
                self._problems["model"] = f"model {reference} does not load: {error}"
        return taken

    def _time_rankable(self, facts: Sequence[Fact]) -> None:
        """Reports how long live items took from their upsert until their vector could be searched."""
        for fact in facts:
            if isinstance(fact, ItemUpserted) and not fact.imported:
                if len(self._awaiting) >= MOST_AWAITING:
                    self._awaiting.pop(next(iter(self._awaiting)))
                self._awaiting[fact.row] = fact.received_at
            elif isinstance(fact, VectorLanded) and fact.row in self._awaiting:
                metrics.observe_rankable((self._clock() - self._awaiting.pop(fact.row)) / SECOND)

    def _note_erasures(self, facts: Sequence[Fact]) -> None:
        times = [fact.received_at for fact in facts if isinstance(fact, UserErased)]
        if times and self._erased_at is None:
            self._erased_at = min(times)

    def _rebuild(self) -> None:
        """Folds the log anew, so that no sum holds an erased user's share any longer."""
        folded_to, fresh = self._live.position, Live()
        unheeded: list[Fact] = []
        while facts := fresh.follow(self._store):
            unheeded += [fact for fact in facts if fact.offset > folded_to]
        self._live, self._erased_at = fresh, None
        self._make_lists()
        self._heed(unheeded)
        self._write_snapshot(rebuilt=True)
        log.info("item state was rebuilt from the log after an erasure")

    def _publish(self) -> None:
        live, rules = self._live, self._rulebook.rules
        wiring = Wiring(
            self._settings,
            self._data,
            self._store,
            live,
            {space: index.view for space, index in live.indices.items()},
            live.fullest_space(),
            self._lists,
            rules.ruleset,
            self._observe,
        )
        lane = wiring.lane(self._model)
        self._view = View(live, rules, self._laboratory.trials, self._lists, wiring, lane, self._clock())
        metrics.set_view_age(0.0)
