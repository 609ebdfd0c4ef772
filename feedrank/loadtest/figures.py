"""What a stretch of load came to: percentiles from when calls were due, throughput, errors by code, the sender's lag.

Knows nothing of how calls are sent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from feedrank.types import F64, Bools

OK = "OK"
PERCENTILES = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Calls:
    """One entry a call, (n,): seconds from the start when it was due, sent and over, and what came of it."""

    due: F64
    sent: F64
    ended: F64
    codes: Sequence[str]  # gRPC status names, "OK" for an answer
    degraded: Bools  # answers that said so
    items: Sequence[int]  # in each answer, 0 without one
    cpu_s: float = 0.0  # processor time the generator itself took meanwhile


@dataclass(frozen=True, slots=True)
class Point:
    """Figures at one rate. Times in milliseconds; latencies of answers count from when they were due."""

    rate: float  # calls a second, as planned
    seconds: float  # as planned
    calls: int
    answered: int
    per_s: float  # answers a second, over the time until the last call was over
    goodput_per_s: float  # answers within the bound a second, likewise
    bound_ms: float
    degraded_share: float  # of answers
    empty: int  # answers without an item
    codes: Mapping[str, int]
    latency_ms: Mapping[str, float]  # percentiles by name, NaN without answers
    refused_ms: Mapping[str, float]  # the same of calls that were not answered, from when they were sent
    lag_ms: Mapping[str, float]  # how late the generator sent
    generator_cpu: float  # share of one core

    def as_json(self) -> dict[str, Any]:
        """The figures by name, for machines; what is undefined is null."""
        named = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: {key: _json(v) for key, v in value.items()} if isinstance(value, Mapping) else _json(value)
            for name, value in named.items()
        }


def point_of(calls: Calls, rate: float, seconds: float, bound_ms: float) -> Point:
    """Sums up the calls of one stretch, planned at `rate` a second for `seconds`."""
    answered: Bools = np.array([code == OK for code in calls.codes], np.bool_)
    latency = (calls.ended - calls.due) * 1e3
    took = max(seconds, float(calls.ended.max())) if len(calls.ended) else seconds
    good = int((answered & (latency <= bound_ms)).sum())
    count = int(answered.sum())
    return Point(
        rate=rate,
        seconds=seconds,
        calls=len(calls.due),
        answered=count,
        per_s=count / took,
        goodput_per_s=good / took,
        bound_ms=bound_ms,
        degraded_share=float(calls.degraded[answered].mean()) if count else 0.0,
        empty=int((np.array(calls.items, np.int64)[answered] == 0).sum()),
        codes=dict(sorted(Counter(calls.codes).items())),
        latency_ms=percentiles(latency[answered]),
        refused_ms=percentiles(((calls.ended - calls.sent) * 1e3)[~answered]),
        lag_ms=percentiles((calls.sent - calls.due) * 1e3),
        generator_cpu=calls.cpu_s / took,
    )


def percentiles(values: F64) -> dict[str, float]:
    """Percentiles and the maximum by name ("p50" ... "max"); NaN of nothing.

    A percentile is a value that occurred, the next one up: a p99 of 50 calls is their slowest.
    """
    names = [f"p{q:g}" for q in PERCENTILES]
    if not len(values):
        return dict.fromkeys([*names, "max"], float("nan"))
    found = np.percentile(values, PERCENTILES, method="higher")
    return {**{name: float(v) for name, v in zip(names, found, strict=True)}, "max": float(values.max())}


def _json(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
