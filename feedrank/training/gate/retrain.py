"""Retraining by the clock: train on all but the last stretch of the log, and let the gate judge on that stretch.

What was judged is what serves: nothing is fitted again to the held-out stretch. Knows nothing of terminals or of how a
version is put to work.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from feedrank.errors import InvalidInput, RegistryError
from feedrank.records import Kind
from feedrank.registry import GateRecord, Registry
from feedrank.store import LogStore
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.facts import PAGE, Progress, no_progress
from feedrank.training.gate.gate import Challenge, decide
from feedrank.training.gate.rules import Outcome, Terms
from feedrank.training.period import BEGINNING
from feedrank.training.train import Assignment, Trained, Watch, train, unwatched
from feedrank.types import DAY, Micros

LOCK = ".retrain.lock"


@dataclass(frozen=True, slots=True)
class Retraining:
    """What to train, and what to hold back. The assignment's own period is not used."""

    assignment: Assignment
    alias: str
    holdout: Micros = (
        DAY  # the last stretch of the log: a whole day, since readers of the morning are not those of night
    )
    window: Micros | None = None  # train on so much before the held-out stretch; None: on everything
    terms: Terms = field(default_factory=Terms)
    limits: AuditSettings = field(default_factory=AuditSettings)


@dataclass(frozen=True, slots=True)
class Retrained:
    """A version that was trained, and what the gate says of it."""

    trained: Trained
    gate: GateRecord
    swept: tuple[str, ...]  # what an earlier run that was killed had left


@contextmanager
def alone(models: Path) -> Iterator[bool]:
    """Whether this is the only retraining of a registry; false at once if another runs. RegistryError.

    The lock ends with its process, however that ends.
    """
    try:
        models.mkdir(parents=True, exist_ok=True)
        lock = (models / LOCK).open("w")
    except OSError as error:
        raise RegistryError(f"{models}: the registry cannot be written to: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def retrain(store: LogStore, registry: Registry, plan: Retraining, watch: Watch = unwatched) -> Retrained:
    """Trains a version on all but the last stretch, registers it, and has the gate judge it. Promotes nothing but the
    very first version.

    InvalidInput where the log holds nothing to learn from, RegistryError if the version cannot be kept.
    """
    swept = registry.sweep()
    cut = newest_event(store, watch("finding the end of the log", store.position())) + 1 - plan.holdout
    start = BEGINNING if plan.window is None else cut - plan.window
    trained = train(store, registry, replace(plan.assignment, start=start, until=cut), plan.alias, watch)
    if trained.made_champion:
        return Retrained(trained, _first(trained.reference), swept)
    challenge = Challenge(trained.reference, plan.alias, cut, terms=plan.terms, limits=plan.limits)
    return Retrained(trained, decide(store, registry, challenge, watch), swept)


def newest_event(store: LogStore, progress: Progress = no_progress) -> Micros:
    """When the last event of the log was received. InvalidInput for a log without events."""
    newest, after = -1, 0
    while page := store.read(after, PAGE):
        newest = max([newest, *(record.received_at for record in page if record.kind == Kind.EVENT)])
        after = page[-1].offset
        progress(len(page))
    if newest < 0:
        raise InvalidInput("the log holds no events: import or record some first")
    return newest


def _first(reference: str) -> GateRecord:
    """Where there was no champion, nothing need be proven."""
    return GateRecord(challenger=reference, champion="", outcome=Outcome.NOT_COMPARED)
