"""Two models on the same impressions: what each makes of every item that was seen, and how well each ranks it.

Both see the same past, hence one counter delay; each reads its own vector space, which is replayed once for both if
they share it. Knows nothing of what follows from the difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.pipeline.stages import Scorer
from feedrank.registry import Manifest, Registry
from feedrank.store import LogStore
from feedrank.store.data_settings import load_data_settings
from feedrank.training.bootstrap import Interval, numbered, paired
from feedrank.training.dataset import Dataset, View, build
from feedrank.training.evaluate import load_scorer
from feedrank.training.forms import as_served
from feedrank.training.impressions import Example
from feedrank.training.judge import margins
from feedrank.training.metrics import judge
from feedrank.training.padding import Padding
from feedrank.training.period import AUTO_SPACE, END, Period, choose_space, read_period
from feedrank.training.slices import columns_of
from feedrank.training.times import format_time
from feedrank.training.train import Watch, unwatched
from feedrank.types import F64, I64, SECOND, Micros

RESAMPLES = 4_000  # a decision hangs on the ends of these intervals: they are good to a twentieth of their width
SEED = 1


@dataclass(frozen=True, slots=True)
class Contestant:
    """A model that ranks: its scorer, and its manifest unless it is the prior."""

    reference: str  # NAME@VERSION, or "prior"
    scorer: Scorer
    manifest: Manifest | None

    @property
    def trained_until(self) -> Micros:
        """The end of what it learned from; 0 where there is nothing, or nobody said."""
        return 0 if self.manifest is None else self.manifest.data.until


@dataclass(frozen=True, slots=True)
class Stretch:
    """What to compare on."""

    start: Micros
    until: Micros = END
    counter_delay: Micros | None = None  # None: as both were trained


@dataclass(frozen=True, slots=True)
class Contest:
    """Contestants `a` and `b` over r impressions with both labels, n items seen; all columns are aligned."""

    a: Contestant
    b: Contestant
    data: Dataset  # with the columns `a` reads, and those asked for besides
    margins: tuple[F64, F64]  # of a and of b, (n,) each
    quality: tuple[F64, F64]  # slices.METRICS by impression, (r, 4) each
    users: I64  # (r,) numbers, see bootstrap.numbered
    counter_delay: Micros

    def differences(self) -> F64:
        """The metrics of a minus those of b, (r, 4)."""
        return self.quality[0] - self.quality[1]

    def intervals(self) -> list[Interval]:
        """The mean of each metric, a minus b, with its 95% interval by the paired bootstrap over users."""
        return paired(*self.quality, self.users, SEED, RESAMPLES)

    def effective_users(self) -> float:
        """Kish's effective number of users: those that equally active ones would be worth. (Kish, "Survey Sampling",
        1965)
        """
        visits = np.bincount(self.users).astype(np.float64)
        return float(visits.sum() ** 2 / (visits**2).sum())


def contestant(registry: Registry, model: str) -> Contestant:
    """A model by NAME, NAME@VERSION, alias or "prior", verified. NotFound, RegistryError."""
    scorer, manifest, reference = load_scorer(registry, model)
    return Contestant(reference, scorer, manifest)


def read_stretch(store: LogStore, a: Contestant, b: Contestant, stretch: Stretch, watch: Watch = unwatched) -> Period:
    """The impressions of a stretch with both labels, in the vector space of `a`. InvalidInput where there are none."""
    space, _ = _spaces(a, b)
    reading = watch("reading the log", store.position())
    period = read_period(store, stretch.start, stretch.until, space=space, progress=reading)
    examples = [example for example in period.examples if _tells(example)]
    if not examples:
        raise InvalidInput(
            f"none of the {len(period.examples)} impressions of the period has both a clicked and an unclicked item: "
            "there is nothing to judge by"
        )
    return replace(period, examples=examples)


def held(
    store: LogStore,
    period: Period,
    a: Contestant,
    b: Contestant,
    stretch: Stretch,
    watch: Watch = unwatched,
    besides: Sequence[str] = (),
) -> Contest:
    """The contest over a period that was read for it, in the form that serves. `besides` names features to keep beside
    those `a` reads.

    InvalidInput where the models were trained with different counter delays and none is given, and for slates served in
    a vector space that a model does not read.
    """
    delay = shared_delay(a, b) if stretch.counter_delay is None else stretch.counter_delay
    mine, others = _spaces(a, b)
    wanted = tuple(dict.fromkeys((*a.scorer.features, *besides)))
    if mine == others:
        everything = tuple(dict.fromkeys((*wanted, *b.scorer.features)))
        data = other = _replayed(store, period, delay, period.space, everything, watch)
    else:
        data = _replayed(store, period, delay, period.space, wanted, watch)
        other = _replayed(store, period, delay, choose_space(period.facts, others), b.scorer.features, watch)
    scores = margins(data, a.scorer), margins(other, b.scorer)
    quality_a, quality_b = (columns_of(judge(data.labels, margin, data.offsets)) for margin in scores)
    return Contest(a, b, data, scores, (quality_a, quality_b), numbered(data.user_ids), delay)


def shared_delay(a: Contestant, b: Contestant) -> Micros:
    """The counter delay both were trained with; the prior knows none. InvalidInput if they differ."""
    delays = {m.reference: m.manifest.counter_delay_s for m in (a, b) if m.manifest is not None}
    if len(set(delays.values())) > 1:
        told = ", ".join(f"{reference} {delay:g} s" for reference, delay in delays.items())
        raise InvalidInput(f"the models were trained with different counter delays ({told}): give --counter-delay")
    return round(next(iter(delays.values()), 0.0) * SECOND)


def held_out_from(a: Contestant, b: Contestant) -> Micros:
    """The first instant that neither has learned from. InvalidInput where it is not known."""
    for one in (a, b):
        if one.manifest is not None and not one.trained_until:
            raise InvalidInput(
                f"{one.reference} does not say what it was trained on: say with --from where the held-out period begins"
            )
    return max(a.trained_until, b.trained_until)


def overlaps(one: Contestant, start: Micros) -> str:
    """What to say of a model that has learned from what it is judged on; "" otherwise."""
    if start >= one.trained_until:
        return ""
    return f"{one.reference} was trained on impressions until {format_time(one.trained_until)}"


def _spaces(a: Contestant, b: Contestant) -> tuple[str, str]:
    """Each one's vector space; the prior takes the other's."""
    spaces = [AUTO_SPACE if one.manifest is None else one.manifest.space for one in (a, b)]
    if AUTO_SPACE in spaces:
        known = [space for space in spaces if space != AUTO_SPACE] or [AUTO_SPACE]
        return known[0], known[0]
    return spaces[0], spaces[1]


def _tells(example: Example) -> bool:
    """Whether both a clicked and an unclicked item of it were seen."""
    clicked = example.labels[example.seen] > 0
    return bool(clicked.any() and not clicked.all())


def _replayed(
    store: LogStore, period: Period, delay: Micros, space: str, features: tuple[str, ...], watch: Watch
) -> Dataset:
    """Rows of what was seen, among all that is scored. Slates are replayed in the space they were served in, so it
    must be this one.
    """
    for example in period.examples:
        served = "" if example.slate is None else example.slate.vector_space
        if served and space and served != space:
            raise InvalidInput(
                f"slates of the period were served in vector space {served!r}: a model that reads {space!r} cannot be "
                "judged by them; choose a period without"
            )
    progress = watch(f"replaying impressions{f' in {space}' if space else ''}", len(period.examples))
    view = View(delay, space, padding=Padding(store, load_data_settings(store)))
    return build(period.facts, as_served(period.examples), view, features, progress).judged()
