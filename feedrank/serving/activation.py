"""Activating a model in every worker: verify it here, record it in the log, wait until each live worker serves it.

Knows nothing of how a worker swaps.
"""

import time
from collections.abc import Callable

from feedrank.records import Kind
from feedrank.registry import Registry
from feedrank.serving.api import Activation
from feedrank.store import LogStore
from feedrank.types import SECOND, Micros
from feedrank.v1 import log_pb2

WAIT_S = 10.0  # a worker loads a model in well under a second
POLL_S = 0.02
ALIVE_S = 5.0  # a worker that has not beaten for this long is not waited for
NOT_RANKERS = ("indexer",)


def activate(
    store: LogStore, registry: Registry, reference: str, alias: str, reason: str, clock: Callable[[], Micros]
) -> Activation:
    """Makes a version the champion and waits for every live worker. NotFound or RegistryError leave everything as it
    was.

    `reference` is NAME (its newest version) or NAME@VERSION.
    """
    loaded = registry.load(reference)
    previous = registry.resolve_alias(alias)
    registry.set_alias(alias, loaded.reference, reason)
    name, _, version = loaded.reference.partition("@")
    record = log_pb2.ModelActivated(
        name=name, version=version, previous_version=previous.partition("@")[2] if previous else "", reason=reason
    )
    store.append_control(Kind.MODEL_ACTIVATED, record.SerializeToString(), clock())
    deadline = time.monotonic() + WAIT_S
    while (behind := _behind(store, loaded.reference, clock())) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return Activation(loaded.reference, behind)


def _behind(store: LogStore, reference: str, now: Micros) -> tuple[str, ...]:
    alive = store.workers(now - int(ALIVE_S * SECOND))
    return tuple(
        worker.worker_id
        for worker in alive
        if worker.worker_id not in NOT_RANKERS and worker.model_version != reference
    )
