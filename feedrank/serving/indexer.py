"""The embedding process: follows the log and lands the vectors of items and searches, so that no ranker needs torch.

One process at a time does it, by a lease. A broken encoder is reported and tried again; the service ranks without text
meanwhile. Knows nothing of models of ranking, requests or signals.
"""

import logging
import os
import threading
import time
from concurrent.futures import Future
from pathlib import Path

from feedrank.errors import Conflict, FeedRankError, StoreError
from feedrank.index.backlog import Backlog
from feedrank.index.embedding import embed
from feedrank.index.encoder import Encoder, load_encoder, space_of
from feedrank.index.stories import StoryBook
from feedrank.serving.campaign import Campaign
from feedrank.serving.duty import TTL_S, Duty, wall_clock
from feedrank.settings import Settings
from feedrank.store import LogStore
from feedrank.store.sqlite import SqliteStore
from feedrank.types import HOUR

log = logging.getLogger(__name__)

INDEXER = "indexer"  # the lease and the worker id
BATCH = 64
LEAST_BATCH = 8
BATCH_S = 0.5  # a new article waits for at most one batch of the backlog: on a slow machine batches get smaller
READ = 5_000  # records read from the log at a time
IDLE_S = 0.5  # the longest wait between looks at `stop`
STANDBY_S = 1.0  # between tries for the lease while another process holds it
RETRY_S = 60.0  # after a failure: a reinstalled package or a freed disk is found without a restart
NICENESS = 10  # rankers come first where cores are scarce: a tenth of a ranker's share is left


def run_indexer(data_dir: Path, settings: Settings, *, once: bool = False, stop: threading.Event) -> None:
    """Embeds what the log holds and goes on following it until `stop` is set; with `once`, until nothing is left.

    Lowers the priority of the calling thread. Without `once` a failure is logged, told in the heartbeat and tried
    again.

    Raises:
        StoreError: if the data directory cannot be opened.
        Conflict: with `once`, if another process does this duty.
        FeedRankError: with `once`, whatever makes embedding fail.
    """
    os.nice(NICENESS)
    store = SqliteStore.open(data_dir, settings)
    try:
        _Indexer(store, settings, once, stop).run()
    finally:
        store.close()


class _Indexer:
    def __init__(self, store: LogStore, settings: Settings, once: bool, stop: threading.Event) -> None:
        self._store, self._settings, self._once, self._stop = store, settings, once, stop
        self._encoder: Encoder | None = None
        self._batch = BATCH

    def run(self) -> None:
        """Waits for the lease and works while it is held."""
        began = time.monotonic()
        while not self._stop.is_set():
            duty = Duty(self._store, INDEXER)
            self._say(duty, "loading")
            try:
                if duty.take():
                    with duty:
                        if self._serve(duty):
                            return
                    continue
            except StoreError:
                if self._once:
                    raise
                log.exception("the store refuses the lease; trying again")
            if self._once and time.monotonic() - began > 1.5 * TTL_S:
                raise Conflict("another process embeds for this data directory; stop it, or let it do the work")
            self._stop.wait(STANDBY_S)

    def _serve(self, duty: Duty) -> bool:
        """Works until stopped or the lease is lost: False; until nothing is left if that is all: True."""
        while not self._ended(duty):
            try:
                return self._work(duty)
            except FeedRankError as error:
                if self._once:
                    raise
                log.exception("embedding failed; trying again", extra={"retry_s": RETRY_S})
                self._encoder = None
                self._say(duty, f"failed: {error}")
                self._pause(duty, RETRY_S)
        return False

    def _work(self, duty: Duty) -> bool:
        space = space_of(self._settings.encoder)
        if space is None:
            self._say(duty, "off")
            while not self._once and not self._ended(duty):
                self._pause(duty, RETRY_S)
            return self._once
        backlog = Backlog(space, StoryBook(self._settings.story_threshold, int(self._settings.story_hours * HOUR)))
        if self._once:
            self._follow(duty, backlog)
            if not len(backlog):  # then nothing needs the encoder
                self._say(duty, "ready")
                return True
        encoder = self._encoder = self._encoder or self._load(duty, backlog)
        while encoder is not None and not self._ended(duty):
            self._follow(duty, backlog)
            if len(backlog):
                self._catch_up(duty, backlog, encoder)
                continue
            self._say(duty, "ready")
            if self._once:
                return True
            if not self._ended(duty):
                self._store.wait(backlog.position, IDLE_S)
        return False

    def _load(self, duty: Duty, backlog: Backlog) -> Encoder | None:
        """The encoder, loaded while the log is read; None if that has to end first."""
        self._say(duty, "loading")
        loading: Future[Encoder | None] = Future()

        def load() -> None:
            try:
                loading.set_result(load_encoder(self._settings.encoder, threads=self._settings.encoder_threads or None))
            except Exception as error:  # noqa: BLE001 - raised again where the result is asked for
                loading.set_exception(error)

        # A daemon: torch takes seconds to import, and whoever stops this process should not wait for it.
        threading.Thread(target=load, name="load-encoder", daemon=True).start()
        while not loading.done() and not self._ended(duty):
            if not self._read(duty, backlog):
                self._pause(duty, 0.05)
        return loading.result() if loading.done() else None

    def _catch_up(self, duty: Duty, backlog: Backlog, encoder: Encoder) -> None:
        """Embeds until nothing is left, following the log before each batch."""
        with Campaign() as campaign:
            campaign.advance(0, len(backlog))
            while len(backlog) and not self._ended(duty):
                self._say(duty, str(campaign))
                offsets = backlog.take(self._batch)
                began = time.monotonic()
                embed(self._store, encoder, backlog, offsets, wall_clock())
                if len(offsets) >= LEAST_BATCH:  # the rate of a lone arrival says little of a batch's
                    rate = len(offsets) / (time.monotonic() - began)
                    self._batch = min(max(int(rate * BATCH_S), LEAST_BATCH), BATCH)
                self._follow(duty, backlog)
                campaign.advance(len(offsets), len(backlog))

    def _follow(self, duty: Duty, backlog: Backlog) -> None:
        while not self._ended(duty) and self._read(duty, backlog):
            pass

    def _read(self, duty: Duty, backlog: Backlog) -> bool:
        records = self._store.read(backlog.position, READ)
        backlog.apply(records)
        duty.position = backlog.position
        return bool(records)

    def _ended(self, duty: Duty) -> bool:
        return self._stop.is_set() or duty.lost.is_set()

    def _pause(self, duty: Duty, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._ended(duty) and time.monotonic() < deadline:
            self._stop.wait(min(IDLE_S, seconds))

    def _say(self, duty: Duty, state: str) -> None:
        duty.details = {"encoder": self._settings.encoder, "encoder_state": state}
