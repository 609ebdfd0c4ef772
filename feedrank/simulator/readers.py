"""The readers of a world: who they are, what they like, how that drifts, and how much they read.

Interests are real numbers per subcategory (0: what an average reader feels) given at each midnight and interpolated
between. Knows nothing of articles or clicks.
"""

from dataclasses import dataclass

import numpy as np

from feedrank.simulator.entities import Entities
from feedrank.simulator.lexicon import Lexicon
from feedrank.simulator.settings import WorldSettings
from feedrank.types import F32, F64, I32, Bools

FAVOURITES = (2, 5)  # favourite categories of a reader: 2 to 4
FAVOURITE_LIFT = (0.7, 1.9)
CATEGORY_SPREAD = 0.45
SUBCATEGORY_SPREAD = 0.75  # within a category tastes differ: football, not tennis
INDIFFERENCE = -0.55  # towards categories that are not favourites
DRIFT_PER_DAY = 0.11  # standard deviation of the daily step per subcategory
PASSION_PER_DAY = 0.07  # probability that a reader takes up a subcategory anew, and tires of another
PASSION_LIFT = 1.8
FANDOMS = (3, 10)  # entities a reader cares for
FANDOM_LIFT = (0.8, 2.2)
ACTIVITY_SIGMA = 0.95  # log-normal: the busiest tenth does about half of the reading
NATIVE_SHARE = 0.75  # of readers in Denmark and Germany who prefer their own language's articles; all read English
DEVICES = ("mobile", "desktop", "tablet")
DEVICE_SHARES = (0.66, 0.25, 0.09)


@dataclass(frozen=True, slots=True)
class Readers:
    """Columns over user numbers 0..n-1."""

    region: I32  # (n,) number in Lexicon.regions
    language: I32  # (n,) preferred language, number in Lexicon.languages
    reads: Bools  # (n, languages)
    device: I32  # (n,) number in DEVICES
    sessions_per_day: F64  # (n,) heavy-tailed
    hour_shift: I32  # (n,) hours their day runs late
    interests: F32  # (n, days + 1, subcategories) at each midnight
    fandoms: F32  # (n, entities) lift for articles about an entity, 0 for most
    leaning: F64  # (n,) -1 left .. 1 right
    leaning_weight: F64  # (n,) how much a publisher's leaning matters to them
    tone_taste: F64  # (n,) -1 broadsheet .. 1 tabloid
    freshness_taste: F64  # (n,) how much news must be new
    eagerness: F64  # (n,) adds to every attraction

    def __len__(self) -> int:
        return len(self.region)


def draw_readers(lexicon: Lexicon, entities: Entities, settings: WorldSettings, rng: np.random.Generator) -> Readers:
    """The readers of a world. Shares of regions and languages hold in expectation."""
    n = settings.users
    shares = np.array([region.share for region in lexicon.regions])
    region = rng.choice(len(shares), size=n, p=shares / shares.sum())
    own = np.array([_own_language(lexicon, number) for number in range(len(lexicon.regions))])[region]
    native = rng.random(n) < NATIVE_SHARE
    reads = np.zeros((n, len(lexicon.languages)), dtype=np.bool_)
    reads[:, 0] = True
    reads[np.arange(n), own] = True
    raw_activity = rng.lognormal(0.0, ACTIVITY_SIGMA, size=n)
    base = _tastes(lexicon, n, rng)
    return Readers(
        region=region.astype(np.int32),
        language=np.where(native, own, 0).astype(np.int32),
        reads=reads,
        device=rng.choice(len(DEVICES), size=n, p=list(DEVICE_SHARES)).astype(np.int32),
        sessions_per_day=settings.sessions_per_day * raw_activity / raw_activity.mean(),
        hour_shift=rng.integers(-2, 3, size=n).astype(np.int32),
        interests=_drift(base, settings.days, rng),
        fandoms=_fandoms(lexicon, entities, base, rng),
        leaning=np.clip(rng.normal(-0.05, 0.5, size=n), -1, 1),
        leaning_weight=rng.gamma(1.5, 0.3, size=n),
        tone_taste=np.clip(rng.normal(-0.1, 0.5, size=n), -1, 1),
        freshness_taste=rng.gamma(4.0, 0.25, size=n),
        eagerness=rng.normal(0.0, 0.35, size=n),
    )


def _own_language(lexicon: Lexicon, region: int) -> int:
    language = {"DK": "da", "DE": "de"}.get(lexicon.regions[region].country, "en")
    return lexicon.languages.index(language)


def _tastes(lexicon: Lexicon, n: int, rng: np.random.Generator) -> F64:
    """(n, subcategories): a few favourite categories, some of whose subcategories stand out."""
    categories = {category: number for number, category in enumerate(lexicon.categories)}
    of_topic = np.array([categories[sub.category] for sub in lexicon.subcategories])
    ranks = rng.random((n, len(categories))).argsort(axis=1).argsort(axis=1)
    favourite = ranks < rng.integers(*FAVOURITES, size=n)[:, None]
    lift = np.where(favourite, rng.uniform(*FAVOURITE_LIFT, size=ranks.shape), INDIFFERENCE)
    lift += rng.normal(0.0, CATEGORY_SPREAD, size=ranks.shape)
    return np.asarray(
        lift[:, of_topic] + rng.normal(0.0, SUBCATEGORY_SPREAD, size=(n, len(of_topic))), dtype=np.float64
    )


def _drift(base: F64, days: int, rng: np.random.Generator) -> F32:
    """(n, days + 1, subcategories): a random walk from `base` with now and then a new passion and a lost one."""
    n, topics = base.shape
    steps = rng.normal(0.0, DRIFT_PER_DAY, size=(n, days, topics))
    users, at = np.nonzero(rng.random((n, days)) < PASSION_PER_DAY)
    steps[users, at, rng.integers(0, topics, size=len(users))] += PASSION_LIFT
    steps[users, at, base[users].argmax(axis=1)] -= PASSION_LIFT / 2
    path = np.concatenate([base[:, None, :], base[:, None, :] + np.cumsum(steps, axis=1)], axis=1)
    return np.asarray(path, dtype=np.float32)


def _fandoms(lexicon: Lexicon, entities: Entities, base: F64, rng: np.random.Generator) -> F32:
    """(n, entities): readers care for a few entities of the subcategories they like."""
    appears = _appearances(lexicon, entities)  # (subcategories, entities)
    lifts = np.zeros((len(base), len(entities.names)), dtype=np.float32)
    for user, tastes in enumerate(base):
        weights = np.exp(tastes) @ appears * entities.weights
        count = min(int(rng.integers(*FANDOMS)), int(np.count_nonzero(weights)))
        chosen = rng.choice(len(weights), size=count, replace=False, p=weights / weights.sum())
        lifts[user, chosen] = rng.uniform(*FANDOM_LIFT, size=count)
    return lifts


def _appearances(lexicon: Lexicon, entities: Entities) -> F64:
    """(subcategories, entities): 1 where an entity's kind occurs in a frame of the subcategory."""
    table = np.zeros((len(lexicon.subcategories), len(entities.names)), dtype=np.float64)
    for number, sub in enumerate(lexicon.subcategories):
        frames = (frame for frames in sub.frames.values() for frame in frames)
        kinds = {spec.args[0] for frame in frames for spec in frame.facts if spec.source == "entity"}
        table[number, [kind in kinds for kind in entities.kinds]] = 1.0
    return table
