"""Activating a model in every worker: verify it here, record it in the log, wait until each live worker serves it.

Knows nothing of how a worker swaps.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from feedrank.errors import Conflict, StoreError
from feedrank.records import Kind
from feedrank.registry import GateRecord, Registry
from feedrank.serving.api import Activation
from feedrank.store import LogStore
from feedrank.types import SECOND, Micros
from feedrank.v1 import log_pb2

WAIT_S = 10.0  # a worker loads a model in well under a second
POLL_S = 0.02
ALIVE_S = 5.0  # a worker that has not beaten for this long is not waited for
LEASE = "activation"
NOT_RANKERS = ("indexer",)


def activate(
    store: LogStore,
    registry: Registry,
    reference: str,
    alias: str,
    reason: str,
    clock: Callable[[], Micros],
    gate: GateRecord | None = None,
) -> Activation:
    """Makes a version the champion and waits for every live worker. NotFound or RegistryError leave everything as it
    was.

    `reference` is NAME (its newest version) or NAME@VERSION. `gate`, what a gate found, is kept in the alias's history;
    Conflict if it compared the version with another than the alias means by now.
    """
    loaded = registry.load(reference)
    name, _, version = loaded.reference.partition("@")
    with _alone(store, clock):  # the alias and the log's last activation must name the same version
        previous = registry.resolve_alias(alias)
        record = log_pb2.ModelActivated(
            name=name, version=version, previous_version=previous.partition("@")[2] if previous else "", reason=reason
        )
        registry.set_alias(alias, loaded.reference, reason, gate)
        try:
            store.append_control(Kind.MODEL_ACTIVATED, record.SerializeToString(), clock())
        except StoreError:
            if previous:
                registry.set_alias(alias, previous, "the activation could not be recorded")
            raise
    deadline = time.monotonic() + WAIT_S
    while (behind := _behind(store, loaded.reference, clock())) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return Activation(loaded.reference, behind)


@contextmanager
def _alone(store: LogStore, clock: Callable[[], Micros]) -> Iterator[None]:
    """One activation at a time over all processes. Conflict if another takes longer than `WAIT_S`."""
    holder, deadline = uuid.uuid4().hex, time.monotonic() + WAIT_S
    while not store.acquire_lease(LEASE, holder, clock(), int(WAIT_S * SECOND)):
        if time.monotonic() > deadline:
            raise Conflict("another activation is under way; try again when it has ended")
        time.sleep(POLL_S)
    try:
        yield
    finally:
        store.release_lease(LEASE, holder)


def _behind(store: LogStore, reference: str, now: Micros) -> tuple[str, ...]:
    alive = store.workers(now - int(ALIVE_S * SECOND))
    return tuple(
        worker.worker_id
        for worker in alive
        if worker.worker_id not in NOT_RANKERS and worker.model_version != reference
    )
