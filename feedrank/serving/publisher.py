"""Keeps the current view: tails the log, follows model and rule changes, refreshes shared lists, swaps one reference.

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

from feedrank import recipes
from feedrank.errors import FeedRankError, InvalidInput
from feedrank.pipeline import lists
from feedrank.pipeline.executor import Observe
from feedrank.pipeline.rules import NO_RULES, parse_rules, rules_hash
from feedrank.records import (
    Fact,
    ItemDeleted,
    ItemUpserted,
    Kind,
    ModelActivated,
    RulesChanged,
    UserErased,
    VectorLanded,
)
from feedrank.registry import Registry
from feedrank.serving import metrics
from feedrank.serving.live import Live
from feedrank.serving.models import champion_or_prior, load_model
from feedrank.serving.snapshots import Snapshots
from feedrank.serving.view import Model, Rules, View
from feedrank.settings import DataSettings, Settings
from feedrank.store import LogStore
from feedrank.types import HOUR, SECOND, Micros, Row
from feedrank.v1 import log_pb2

log = logging.getLogger(__name__)

RULES_FILE = "rules.toml"
MOST_AWAITING = 10_000  # items whose way to rankable is timed at once: without an encoder none ever arrives
REST = 20  # new items have the lists made anew at once, but never more than a twentieth of the time
RULES_SETTING = "rules_hash"  # of the last RulesChanged record


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
    ) -> None:
        self._store, self._registry, self._settings, self._data = store, registry, settings, data
        self._rules_path = data_dir / RULES_FILE
        self._rules_stamp: tuple[int, int] | None = None
        self._snapshots = Snapshots(data_dir, store, settings, clock)
        self._clock, self._observe = clock, observe
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        # Verifying a model takes seconds: that happens aside, so that the log is followed meanwhile.
        self._loader = ThreadPoolExecutor(1, "model-loader")
        self._loading: deque[tuple[str, Future[Model]]] = deque()
        self._erased_at: Micros | None = None
        self.problems: dict[str, str] = {}  # what GetStatus should say, by part
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

    def start(self, *, follow: bool = True) -> None:
        """Loads, catches up, publishes the first view and begins to follow the log; without `follow`, `turn` does."""
        live = self._snapshots.load_live()
        self._rules = Rules()
        self._read_rules()
        # Folded from the beginning, state never held the share of those erased before.
        clean = self._store.position() if live.position == 0 else 0
        while facts := live.follow(self._store):
            self._note_erasures([fact for fact in facts if fact.offset > clean])
        # After catching up: what is activated from here on is in the records still to come.
        self._model = champion_or_prior(self._registry, self._settings)
        self._live = live
        self._make_lists()
        self._publish()
        self._refreshed_at = self._clock()
        if follow:
            self._thread.start()

    def stop(self) -> None:
        """Stops following and writes a snapshot of what was folded."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
            self._write_snapshot()
        self._loader.shutdown(cancel_futures=True)

    def turn(self) -> None:
        """One round of following: takes up what the log holds by now, and publishes it. For one thread at a time."""
        facts = self._live.follow(self._store)
        changed = self._heed(facts)
        idle_s = (self._clock() - self._refreshed_at) / SECOND
        new_items = any(isinstance(fact, ItemUpserted | ItemDeleted) for fact in facts)
        due = idle_s >= self._settings.refresh_s or (new_items and idle_s >= REST * self._lists_cost_s)
        if due:
            self._refresh()
            self._refreshed_at = self._clock()
        if self._take_loaded() or due or changed:
            self._publish()
        self.problems.pop("publisher", None)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._store.wait(self._live.position, timeout_s=self._settings.refresh_s / 4)
                self.turn()
            except Exception:
                log.exception("following the log failed; trying again")
                self.problems["publisher"] = "following the log failed; see the worker's log"
                self._stop.wait(1.0)

    def _refresh(self) -> None:
        """What is done about once a second: lists, expiry, rules file, snapshot, rebuild after an erasure."""
        self._make_lists()
        self._read_rules()
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
        self._live.compact()
        self.problems.pop("clock", None)
        if made.idle:
            moment = datetime.fromtimestamp(made.built_at // SECOND, UTC).isoformat()
            self.problems["clock"] = f"the log has stood still for days: feeds are ranked as of {moment}"
        self._lists = made
        self._lists_cost_s = time.perf_counter() - started

    def _heed(self, facts: Sequence[Fact]) -> bool:
        """Follows records that change more than item state; True if a new view is due at once."""
        self._note_erasures(facts)
        self._time_rankable(facts)
        for fact in facts:
            if isinstance(fact, ModelActivated):
                reference = f"{fact.name}@{fact.version}"
                loading = self._loader.submit(load_model, self._registry, reference, self._settings)
                self._loading.append((reference, loading))
            elif isinstance(fact, RulesChanged):
                self._rules = Rules(parse_rules(fact.toml), fact.hash)
        return any(not isinstance(fact, UserErased) for fact in facts)

    def _take_loaded(self) -> bool:
        """Takes up models loaded aside, in the order of their activation; True if one is to be published."""
        taken = False
        while self._loading and self._loading[0][1].done():
            reference, loading = self._loading.popleft()
            try:
                self._model = loading.result()
                self.problems.pop("model", None)
                taken = True
            except FeedRankError as error:
                log.exception("an activated model does not load; the one in force stays", extra={"model": reference})
                self.problems["model"] = f"model {reference} does not load: {error}"
        return taken

    def _read_rules(self) -> None:
        """Takes up the rules file when it has changed. A file that does not parse changes nothing and is reported."""
        try:
            status = self._rules_path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp == self._rules_stamp:
                return
            text = self._rules_path.read_text(encoding="utf-8")
        except FileNotFoundError:
            if self._rules_stamp is None:
                return
            stamp, text = None, ""
        except (OSError, UnicodeDecodeError) as error:
            self.problems["rules"] = f"{self._rules_path.name} cannot be read: {error}"
            return
        self._rules_stamp = stamp
        try:
            ruleset = parse_rules(text) if text else NO_RULES
        except InvalidInput as error:
            log.error("the rules file is not valid; the rules in force stay", extra={"error": str(error)})
            self.problems["rules"] = str(error)
            return
        self.problems.pop("rules", None)
        digest = rules_hash(text)
        self._rules = Rules(ruleset, digest)
        if self._store.get_setting(RULES_SETTING) != digest.hex():
            self._store.set_setting(RULES_SETTING, digest.hex())
            payload = log_pb2.RulesChanged(toml=text, hash=digest).SerializeToString()
            self._store.append_control(Kind.RULES_CHANGED, payload, self._clock())

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
        live, model = self._live, self._model
        space = model.space or live.fullest_space()
        index = live.indices.get(space)
        parts = recipes.Parts(
            self._store,
            live.state,
            live.lock,
            index.view if index is not None else None,
            self._lists,
            self._rules.ruleset,
            model.scorer,
            space,
            self._observe,
        )
        pipeline = recipes.feed(self._settings, self._data, parts)
        digest = recipes.recipe_hash(self._settings, self._data)
        self._view = View(live, model, self._rules, self._lists, pipeline, digest, self._clock())
        metrics.set_view_age(0.0)
