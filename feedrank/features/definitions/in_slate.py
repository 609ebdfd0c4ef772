"""In-slate: a candidate against the other scored candidates of its request, which raw counts cannot say.

These, and only these, depend on the whole scored set: what is trained must be scored the way it is served.
"""

from collections.abc import Callable, Sequence

import numpy as np

from feedrank.features.definition import Feature
from feedrank.features.definitions import affinity, co_engagement, exposure, seen, similarity
from feedrank.features.definitions.freshness import age_hours
from feedrank.features.definitions.popularity import ctr_reads, engaged, half_life_reads, log_clicks, smoothed_ctr
from feedrank.features.frame import Frame
from feedrank.kernels import places_by_size, standard_scores
from feedrank.settings import HALF_LIVES_H
from feedrank.state import NO_NUMBER, Count
from feedrank.types import AnyArray

Values = Callable[[Frame], AnyArray]
_RANKED: list[Values] = []  # what is ranked, and what is standardised, all at once
_SCALED: list[Values] = []


def _rank(name: str, of: str, values: Values, reads: tuple[str, ...] = (), vectors: bool = False) -> Feature:
    k = len(_RANKED)
    _RANKED.append(values)
    return Feature(
        f"rank_{name}",
        "in_slate",
        f"place in the slate by {of}: 0 lowest, 1 highest",
        lambda f: f.cached("ranks", _ranks)[k],
        reads,
        in_slate=True,
        reads_vectors=vectors,
    )


def _ranks(frame: Frame) -> AnyArray:
    """Places of every ranked column, (ranked, n): 0 the lowest, 1 the highest, ties their mean; NaN sinks."""
    return places_by_size(_columns(_RANKED, frame), frame.raw.item_offsets)


def _z(name: str, of: str, values: Values, reads: tuple[str, ...] = (), vectors: bool = False) -> Feature:
    k = len(_SCALED)
    _SCALED.append(values)
    return Feature(
        f"z_{name}",
        "in_slate",
        f"standard score in the slate of {of}",
        lambda f: f.cached("scores", _scores)[k],
        reads,
        in_slate=True,
        reads_vectors=vectors,
    )


def _scores(frame: Frame) -> AnyArray:
    """Standard scores of every such column, (scaled, n); 0 where the slate does not vary; NaN stays."""
    return standard_scores(_columns(_SCALED, frame), frame.raw.item_offsets)


def _columns(values: Sequence[Values], frame: Frame) -> AnyArray:
    columns = np.empty((len(values), frame.n))
    for column, value in zip(columns, values, strict=True):
        column[:] = value(frame)
    return columns


_Definition = Callable[..., Feature]


def _ctr(make: _Definition, hours: int) -> Feature:
    h = HALF_LIVES_H.index(hours)
    return make(f"ctr_{hours}h", f"CTR at {hours} h half-life", lambda f: smoothed_ctr(f, h), ctr_reads(h))


def _engaged(make: _Definition, hours: int) -> Feature:
    h = HALF_LIVES_H.index(hours)
    of = f"clicks and reads at {hours} h half-life"
    return make(f"engaged_{hours}h", of, lambda f: engaged(f, h), half_life_reads(h))


def _views(make: _Definition, hours: int) -> Feature:
    h = HALF_LIVES_H.index(hours)
    of = f"views at {hours} h half-life"
    return make(f"views_{hours}h", of, lambda f: f.counts[Count.VIEWS, h], half_life_reads(h))


def _clicks(make: _Definition, hours: int) -> Feature:
    h = HALF_LIVES_H.index(hours)
    of = f"log(1 + clicks) at {hours} h half-life"
    return make(f"clicks_{hours}h", of, lambda f: log_clicks(f, h), half_life_reads(h))


def _view_speed(frame: Frame) -> AnyArray:
    return exposure.view_speed(frame, 0, 1)


def _similarity(make: _Definition, column: str, of: str) -> Feature:
    reads = similarity.READS[column]
    return make(f"sim_{column}", of, lambda f: similarity.similarity(f, column), reads, vectors=True)


def _number(frame: Frame) -> AnyArray:
    number = frame.items.number
    return np.where(number == NO_NUMBER, np.nan, number.astype(np.float64))


def _number_gap(frame: Frame) -> AnyArray:
    number = _number(frame)
    highest = np.full(len(frame.sizes), -np.inf)
    np.maximum.at(highest, frame.request, np.where(np.isnan(number), -np.inf, number))
    gap: AnyArray = np.log1p(frame.per_request(highest) - number)
    return gap


def _seen_share(frame: Frame) -> AnyArray:
    shown = (seen.views_by_user(frame) > 0).astype(np.float64)
    return frame.per_request(frame.sum_by_request(frame.request, shown) / np.maximum(frame.sizes, 1))


FEATURES: tuple[Feature, ...] = (
    Feature(
        "slate_size", "in_slate", "scored candidates", lambda f: f.per_request(f.sizes).astype(float), in_slate=True
    ),
    *(_ctr(_rank, hours) for hours in (1, 6, 24)),
    *(_engaged(_rank, hours) for hours in (1, 6, 24)),
    *(_clicks(_rank, hours) for hours in (1, 6, 24)),
    *(_views(_rank, hours) for hours in (1, 6, 24, 168)),
    _rank("view_speed", "views per hour, 1 h over 6 h", _view_speed, exposure.speed_reads(0, 1)),
    _rank("age", "age", age_hours),
    _rank("co_sum", "co-engagement with the history", co_engagement.co_sum, co_engagement.SUM_READS),
    _rank("category_affinity", "category affinity", affinity.category_affinity, affinity.READS),
    _similarity(_rank, "max", "highest cosine to the history"),
    _similarity(_rank, "mean", "mean cosine to the history"),
    _ctr(_z, 6),
    _engaged(_z, 6),
    *(_clicks(_z, hours) for hours in (1, 6, 24)),
    _similarity(_z, "max", "highest cosine to the history"),
    *(
        make("number", "the number its id ends with, which most publishers count upwards", _number)
        for make in (_rank, _z)
    ),
    Feature(
        "number_gap",
        "in_slate",
        "log(1 + how far its number is below the highest of the slate): an age where nothing else tells one",
        _number_gap,
        in_slate=True,
    ),
    _rank("seen", "times shown to this user in 7 d", seen.views_by_user, seen.READS),
    Feature(
        "slate_seen",
        "in_slate",
        "share of the slate that this user was shown in 7 d",
        _seen_share,
        seen.READS,
        in_slate=True,
    ),
)
