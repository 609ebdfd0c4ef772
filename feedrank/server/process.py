"""The life of one worker process: open the service, wait until it is ready, serve, drain.

It binds the port only once it can answer, so that no connection is ever handed to a worker that is still loading. Knows
nothing of the other workers on the port.
"""

import gc
import logging
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from feedrank.server.lifecycle import FeedServer
from feedrank.server.stopping import stop_on_signals, stop_when_parent_ends, tell_ready
from feedrank.serving.api import Service
from feedrank.serving.worker import Worker
from feedrank.settings import Settings

_log = logging.getLogger(__name__)
_CHECK_READY_S = 0.02
# A request gives the interpreter's lock away at every read of the store and every kernel; while facts come in, a thread
# of the log or of ingestion takes it, and Python's default lets it keep it for 5 ms each time.
_SWITCH_S = 0.0005
_COLLECT_AT = 50_000  # new objects before a collection of cyclic garbage, of which there is little; Python's own is 700


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What one worker process is to do."""

    data_dir: Path
    host: str
    port: int
    worker_id: str
    grace_s: float


def run_worker(plan: WorkerPlan, settings: Settings) -> None:
    """Serves until told to stop or until the parent is gone. Call from the main thread."""
    sys.setswitchinterval(_SWITCH_S)
    gc.set_threshold(_COLLECT_AT)
    stop = stop_on_signals()
    stop_when_parent_ends(stop)
    if not serve_until(stop, Worker.open(plan.data_dir, settings, plan.worker_id), plan):
        logging.shutdown()
        os._exit(1)  # a normal exit would wait for the very requests that were given up


def serve_until(stop: threading.Event, service: Service, plan: WorkerPlan) -> bool:
    """Serves `service` from when it is ready until `stop` is set, then drains and closes it.

    True when every request under way finished within the grace period.
    """
    while not service.ready() and not stop.wait(_CHECK_READY_S):
        pass
    if stop.is_set():
        service.close(plan.grace_s)
        return True
    server = FeedServer(service, plan.host, plan.port)
    server.start()
    tell_ready()
    _log.info("serving", extra={"port": server.port})
    stop.wait()
    _log.info("draining")
    finished = server.drain(plan.grace_s)
    if not finished:
        _log.warning("requests were cut off at the end of the grace period", extra={"grace_s": plan.grace_s})
    _log.info("stopped")
    return finished
