"""What a worker offers to the server: the whole service in the domain's words.

The one implementation is `feedrank.serving.worker.Worker`; the server converts to and from protobuf around it. Knows
nothing of gRPC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from feedrank.pipeline.feed import Feed, RankCall, SimilarItem, StageTrace
from feedrank.pipeline.stages import RequestFilter
from feedrank.store import LogStore
from feedrank.types import Context, Micros


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A registered model version."""

    name: str
    version: str
    aliases: tuple[str, ...]
    created_at: Micros
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Activation:
    """The model version now in force, and the live workers that have not swapped yet."""

    model_version: str
    workers_behind: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """Where an experiment stands, and which of its variants did not load."""

    name: str
    state: str  # scheduled, running, ended, killed
    failed_variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """How a challenger compares with what one worker served: means over the requests it scored, NaN without any."""

    name: str
    model: str  # NAME@VERSION
    compared: int
    dropped: int
    overlap_at_10: float
    kendall_tau: float
    score_drift: float  # in standard deviations of the served scores
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Status:
    """What GetStatus tells."""

    model_version: str
    items: int
    items_with_text_vectors: int
    log_position: str
    log_lag_seconds: float
    encoder: str
    encoder_state: str
    degraded_reasons: tuple[str, ...]
    version: str
    experiments: tuple[ExperimentReport, ...] = ()
    shadows: tuple[ShadowReport, ...] = ()  # of the worker that answers


class Service(Protocol):
    """Answers requests from one pinned view each. Thread-safe. Raises feedrank.errors only."""

    store: LogStore

    def ready(self) -> bool:
        """View loaded, log caught up, a model or the prior scorer warm."""
        ...

    def rank(self, call: RankCall) -> Feed: ...
    def similar(self, item_id: str, limit: int, filter: RequestFilter, context: Context) -> tuple[SimilarItem, ...]: ...
    def debug(self, call: RankCall, item_id: str) -> tuple[StageTrace, ...]: ...
    def models(self) -> tuple[ModelSummary, ...]: ...
    def activate(self, model: str) -> Activation: ...
    def rollback(self, name: str) -> Activation: ...
    def status(self) -> Status: ...
    def close(self, grace_s: float) -> None:
        """Flushes slates and stops background threads; pending requests have `grace_s` to finish."""
        ...
