"""The instruments of a feedrank process, and the small functions that write them.

Under `serve` the values live in files below PROMETHEUS_MULTIPROC_DIR, which the supervisor sums over its processes and
publishes; elsewhere they live in memory. Label values are names from the code (an RPC, a stage, a source, a reason) or
from the operator's experiments, never anything a caller sent. Knows nothing of who calls it or of HTTP.
"""

import math
from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram

_REQUEST_BUCKETS_S = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
)  # a feed is due within 20 ms
_STAGE_BUCKETS_S = (0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)  # a stage is a part of that
_RANKABLE_BUCKETS_S = (
    0.1,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    1800.0,
    7200.0,
)  # embedding a backlog takes hours

RPC_SECONDS = Histogram("feedrank_rpc_seconds", "Time to answer, by RPC.", ["rpc"], buckets=_REQUEST_BUCKETS_S)
RPCS = Counter("feedrank_rpcs", "RPCs answered, by RPC and status code.", ["rpc", "code"])
STAGE_SECONDS = Histogram("feedrank_stage_seconds", "Time in a stage.", ["stage"], buckets=_STAGE_BUCKETS_S)
SOURCE_SECONDS = Histogram("feedrank_source_seconds", "Time in a source.", ["source"], buckets=_STAGE_BUCKETS_S)
SOURCE_CANDIDATES = Counter("feedrank_source_candidates", "Candidates a source brought.", ["source"])
DEGRADED = Counter("feedrank_degraded", "Feeds answered degraded, by reason.", ["reason"])
SHADOW_OVERLAP = Histogram(
    "feedrank_shadow_overlap_at_10",
    "Share of the ten best a challenger names too.",
    ["shadow"],
    buckets=[k / 10 for k in range(10)],
)
SHADOW_TAU = Histogram(
    "feedrank_shadow_kendall_tau",
    "Rank agreement of a challenger, tau-b.",
    ["shadow"],
    buckets=[k / 5 - 1 for k in range(10)],
)
SHADOW_DRIFT = Histogram(
    "feedrank_shadow_score_drift",
    "Shift of a challenger's scores, in standard deviations of those served.",
    ["shadow"],
    buckets=[-4, -2, -1, -0.5, -0.2, -0.1, 0, 0.1, 0.2, 0.5, 1, 2, 4],
)
SHADOW_SECONDS = Histogram(
    "feedrank_shadow_seconds", "Time to score a request in the shadow.", ["shadow"], buckets=_STAGE_BUCKETS_S
)
SHADOW_DROPPED = Counter("feedrank_shadow_dropped", "Requests a challenger was too far behind to score.", ["shadow"])
EXPOSURES = Counter("feedrank_exposures", "Feeds served with a variant.", ["experiment", "variant"])
LOG_LAG_SECONDS = Gauge(
    "feedrank_log_lag_seconds", "How far the slowest worker trails the log.", multiprocess_mode="livemax"
)
VIEW_AGE_SECONDS = Gauge("feedrank_view_age_seconds", "Age of the oldest worker's view.", multiprocess_mode="livemax")
RANKABLE_SECONDS = Histogram(
    "feedrank_upsert_to_rankable_seconds", "From an item's upsert until it can be ranked.", buckets=_RANKABLE_BUCKETS_S
)


def observe_rpc(rpc: str, code: str, seconds: float) -> None:
    """One RPC was answered with a status code."""
    RPC_SECONDS.labels(rpc).observe(seconds)
    RPCS.labels(rpc, code).inc()


def observe_stage(stage: str, seconds: float) -> None:
    """A stage of one request took this long."""
    STAGE_SECONDS.labels(stage).observe(seconds)


def observe_source(source: str, seconds: float, candidates: int) -> None:
    """A source of one request took this long and brought this many candidates."""
    SOURCE_SECONDS.labels(source).observe(seconds)
    SOURCE_CANDIDATES.labels(source).inc(candidates)


def count_degraded(reason: str) -> None:
    """One feed was degraded. `reason` is one of a fixed set of names: each becomes a time series."""
    DEGRADED.labels(reason).inc()


def count_exposures(variants: Mapping[str, str]) -> None:
    """One feed was served with these variants, by experiment."""
    for experiment, variant in variants.items():
        EXPOSURES.labels(experiment, variant).inc()


def observe_shadow(name: str, overlap: float, tau: float, drift: float, seconds: float) -> None:
    """A challenger scored one request. NaN, where nothing can be compared, is left out."""
    SHADOW_SECONDS.labels(name).observe(seconds)
    for histogram, value in ((SHADOW_OVERLAP, overlap), (SHADOW_TAU, tau), (SHADOW_DRIFT, drift)):
        if math.isfinite(value):
            histogram.labels(name).observe(value)


def count_shadow_dropped(name: str) -> None:
    """A challenger was too far behind for one request."""
    SHADOW_DROPPED.labels(name).inc()


def set_log_lag(seconds: float) -> None:
    """How far this process trails the log."""
    LOG_LAG_SECONDS.set(seconds)


def set_view_age(seconds: float) -> None:
    """Time since this process last swapped its view."""
    VIEW_AGE_SECONDS.set(seconds)


def observe_rankable(seconds: float) -> None:
    """An item became rankable this long after its upsert."""
    RANKABLE_SECONDS.observe(seconds)
