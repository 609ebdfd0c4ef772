"""State snapshots of a worker: so that a restart folds only the log's tail. Derived data: a damaged one is set aside,
never trusted.

Knows nothing of the log's meaning or of views.
"""

import logging
import uuid
from collections.abc import Callable
from pathlib import Path

from feedrank.errors import StoreError
from feedrank.serving.live import Live
from feedrank.settings import Settings
from feedrank.state.snapshot import load, save
from feedrank.store import LogStore
from feedrank.types import SECOND, Micros

log = logging.getLogger(__name__)

LEASE = "snapshot"
WORTH_WRITING = 2_000  # records: folding fewer takes less time than a snapshot


class Snapshots:
    """Loads the newest snapshot and writes new ones, one process at a time."""

    def __init__(self, data_dir: Path, store: LogStore, settings: Settings, clock: Callable[[], Micros]) -> None:
        self._path = data_dir / "snapshots" / "state"
        self._store, self._settings, self._clock = store, settings, clock
        self._written_at = clock()
        self._written_position = 0

    def load_live(self) -> Live:
        """Live state as of the newest snapshot, or empty."""
        if not self._path.exists():
            return Live()
        try:
            state = load(self._path)
        except StoreError as error:
            log.warning(
                "the state snapshot is not usable; folding the log from its beginning", extra={"error": str(error)}
            )
            return Live()
        if state.position > self._store.position():
            log.warning("the state snapshot is of another log; folding the log from its beginning")
            return Live()
        self._written_position = state.position
        return Live(state)

    def write_if_due(self, live: Live) -> None:
        """Writes a snapshot if the last one is old and enough has happened since."""
        if self._clock() - self._written_at >= self._settings.snapshot_s * SECOND:
            self._written_at = self._clock()
            if live.position - self._written_position >= WORTH_WRITING:
                self.write(live)

    def write(self, live: Live, rebuilt: bool = False) -> None:
        """Writes a snapshot now, unless another process is writing one. Call it on the thread that folds.

        `rebuilt` state is written even if its position has been written before. A failure is logged: the old one stays.
        """
        if live.position == self._written_position and not rebuilt:
            return
        now, holder = self._clock(), uuid.uuid4().hex
        try:
            if not self._store.acquire_lease(LEASE, holder, now, 60 * SECOND):
                return
            try:
                live.state.co_engaged.compact(live.lock)  # writing would compact them too, beside requests that read
                live.state.regional.compact(live.lock)
                self._path.parent.mkdir(parents=True, exist_ok=True)
                save(live.state, self._path)
                self._written_position = live.position
            finally:
                self._store.release_lease(LEASE, holder)
        except (OSError, StoreError) as error:
            log.error("the state snapshot could not be written", extra={"error": str(error)})
