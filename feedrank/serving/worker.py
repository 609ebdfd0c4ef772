"""A worker: the service of one process. Requests pin the publisher's view and are answered from it alone.

Threads: the publisher follows the log, one thread beats, one writes slates, one scores in the shadow; request threads
only read. Knows nothing of gRPC.
"""

import gc
import logging
import os
import secrets
import threading
from functools import partial
from pathlib import Path

from feedrank import __version__
from feedrank.errors import FeedRankError, Unavailable
from feedrank.features import fingerprint_of
from feedrank.kernels import COMPILED
from feedrank.pipeline.feed import Feed, RankCall, SimilarItem, StageTrace
from feedrank.pipeline.paging import PageTokens
from feedrank.pipeline.stages import RequestFilter
from feedrank.registry import Registry
from feedrank.serving import metrics
from feedrank.serving.activation import activate
from feedrank.serving.api import Activation, ModelSummary, Status
from feedrank.serving.duty import wall_clock
from feedrank.serving.housekeeping import Housekeeper
from feedrank.serving.publisher import Publisher
from feedrank.serving.ranking import Ranking
from feedrank.serving.shadow import Shadows
from feedrank.serving.similar import similar_items
from feedrank.serving.slate_writer import SlateWriter
from feedrank.serving.traffic import Traffic
from feedrank.serving.view import View
from feedrank.settings import DataSettings, Settings
from feedrank.store import LogStore, WorkerStatus
from feedrank.store.sqlite import SqliteStore
from feedrank.types import SECOND, Context

log = logging.getLogger(__name__)

INGESTION_WAITS_S = 0.01  # how long requests go first, at most, before a batch of events is on disk
BEAT_S = 0.25  # ActivateModel waits for a beat of every worker
ALIVE_S = 5.0  # an indexer that has not beaten for this long is gone
PAGE_SECRET = "page_token_secret"  # shared by all workers of a data directory
INDEXER = "indexer"


class Worker:
    """The one implementation of serving.api.Service."""

    def __init__(
        self, store: SqliteStore, data_dir: Path, settings: Settings, worker_id: str, traffic: Traffic
    ) -> None:
        self.store: LogStore = store
        self._settings = settings
        self._worker_id = worker_id
        self._registry = Registry(settings.models_dir, fingerprint_of)
        data = DataSettings.model_validate_json(store.get_setting("data") or "{}")
        tokens = PageTokens(_page_secret(store), settings.page_token_minutes)
        self._slates = SlateWriter(store)
        self._publisher = Publisher(store, self._registry, settings, data, data_dir, wall_clock, _observe, traffic)
        self._shadows = Shadows(traffic)
        self._ranking = Ranking(store, tokens, self._slates, settings.slate_sampling, wall_clock, self._shadows)
        self._housekeeper = Housekeeper(store, wall_clock)
        self._stop = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    @classmethod
    def open(cls, data_dir: Path, settings: Settings, worker_id: str) -> "Worker":
        """Opens the data directory, loads a view, catches up with the log and warms up. StoreError, RegistryError."""
        if not COMPILED:
            log.warning("no kernels were compiled at installation: ranking in NumPy, several times slower")
        traffic = Traffic()
        store = SqliteStore.open(data_dir, settings, partial(traffic.courtesy, INGESTION_WAITS_S))
        worker = cls(store, data_dir, settings, worker_id, traffic)
        worker._publisher.start()
        worker._warm_up()
        # What stands now stays: left out of collections, it costs requests no pauses.
        gc.collect()
        gc.freeze()
        worker._beating.start()
        worker._housekeeper.start()
        return worker

    def _warm_up(self) -> None:
        """Ranks once for nobody, so that no caller pays for first-call costs."""
        self._ranking.rank(self._view(), RankCall(request_id="warm-up", dry_run=True, explain=True))

    def _view(self) -> View:
        if not self._publisher.ready:
            raise Unavailable("this worker is starting or stopping; try again")
        return self._publisher.view

    def ready(self) -> bool:
        """View loaded, log caught up, a model or the prior scorer warm."""
        return self._publisher.ready and self._beating.is_alive()

    def rank(self, call: RankCall) -> Feed:
        """The call's feed, from one pinned view."""
        return self._ranking.rank(self._view(), call)

    def similar(self, item_id: str, limit: int, filter: RequestFilter, context: Context) -> tuple[SimilarItem, ...]:
        """Items near one item."""
        return similar_items(self._view(), item_id, limit, filter, context, wall_clock())

    def debug(self, call: RankCall, item_id: str) -> tuple[StageTrace, ...]:
        """What each stage does with one item in the call's feed."""
        return self._ranking.debug(self._view(), call, item_id)

    def models(self) -> tuple[ModelSummary, ...]:
        """All registered versions, newest first."""
        return tuple(
            ModelSummary(m.name, m.version, m.aliases, m.created_at, m.metrics) for m in self._registry.versions()
        )

    def activate(self, model: str) -> Activation:
        """Makes a version the champion in every worker."""
        return activate(self.store, self._registry, model, self._settings.champion, "activated by RPC", wall_clock)

    def rollback(self, name: str) -> Activation:
        """Goes back to the champion before the present one."""
        previous = self._registry.previous(self._settings.champion, name)
        return activate(self.store, self._registry, previous, self._settings.champion, "rolled back by RPC", wall_clock)

    def status(self) -> Status:
        """What GetStatus tells."""
        view = self._view()
        state = view.live.state
        table = state.vectors.get(view.pipeline.space)
        with_vectors = int((table.slot_of_row[: state.catalog.rows] >= 0).sum()) if table is not None else 0
        encoder, encoder_state = self._encoder()
        problems = [*self._publisher.problems, *self._shadows.problems(view.trials)]
        if not encoder_state.startswith(("ready", "embedding", "loading")):
            problems.append(f"encoder: {encoder_state}")
        return Status(
            view.model.version,
            int((~state.catalog.column("deleted")).sum()),
            with_vectors,
            str(view.live.position),
            self._lag_s(view),
            encoder,
            encoder_state,
            tuple(problems),
            __version__,
            view.trials.reports(wall_clock()),
            self._shadows.reports(view.trials),
        )

    def close(self, grace_s: float) -> None:
        """Flushes slates, writes a snapshot and closes the store."""
        self._stop.set()
        try:
            self._publisher.stop()
        finally:
            self._slates.close(grace_s)
            self._shadows.close(grace_s)
            if self._beating.is_alive():
                self._beating.join()
            self._housekeeper.stop(grace_s)
            self.store.close()

    def _encoder(self) -> tuple[str, str]:
        alive = self.store.workers(wall_clock() - int(ALIVE_S * SECOND))
        for status in alive:
            if status.worker_id == INDEXER:
                return status.details.get("encoder", ""), status.details.get("encoder_state", "unknown")
        return self._settings.encoder, "no indexer is running"

    def _lag_s(self, view: View) -> float:
        behind = self.store.read(view.live.position, 1)
        return max(wall_clock() - behind[0].received_at, 0) / SECOND if behind else 0.0

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_S):
            view = self._publisher.view
            status = WorkerStatus(self._worker_id, os.getpid(), view.live.position, view.model.version, wall_clock())
            try:
                self.store.heartbeat(status)
                metrics.set_log_lag(self._lag_s(view))
                metrics.set_view_age((wall_clock() - view.built_at) / SECOND)
            except FeedRankError:
                log.exception("the heartbeat could not be written; trying again")


def _observe(stage: str, seconds: float, candidates: int) -> None:
    name = stage.removeprefix("source:")
    if name is stage:
        metrics.observe_stage(stage, seconds)
    else:
        metrics.observe_source(name, seconds, candidates)


def _page_secret(store: SqliteStore) -> bytes:
    """The data directory's secret for page tokens, made by the first worker to need it."""
    secret = store.get_setting(PAGE_SECRET)
    if secret is None:
        store.set_setting(PAGE_SECRET, secrets.token_hex(32))
        secret = store.get_setting(PAGE_SECRET)
    if secret is None:
        raise Unavailable("the page token secret could not be stored")
    return bytes.fromhex(secret)
