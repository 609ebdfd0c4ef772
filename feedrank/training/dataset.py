"""Data sets: feature rows of past impressions with their labels, as columns.

Rows are made by replaying the log through the same fold and feature function that serve, or taken from the slates as
they were logged. Knows nothing of models or of how examples were found.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from feedrank.errors import InvalidInput
from feedrank.features import NAMES, Raw, compute, concat
from feedrank.records import Fact
from feedrank.training.facts import Progress, no_progress
from feedrank.training.forms import Form, form_of
from feedrank.training.impressions import Example, Labels
from feedrank.training.labels import Grade
from feedrank.training.padding import Padding
from feedrank.training.replay import as_shown, replay_impressions, replay_slates, seed_of
from feedrank.types import F32, I32, I64, Bools, Micros

# Requests whose raw columns are joined before features are computed: NumPy's call overhead is spread over thousands of
# candidates, and the joined columns stay around 100 MB with vectors of 384 dimensions.
BATCH_CANDIDATES = 6_000
# Rows of an impression's padding that are trained on. Of none, a ranker learns nothing of what is scored and not shown;
# of eight, it learns little else: on EB-NeRD the order among what was shown suffers (docs/ranking.md).
PADDING_KEPT = 3


@dataclass(frozen=True, slots=True)
class Dataset:
    """Impressions in time order; impression i owns entries offsets[i]:offsets[i + 1] of columns of shape (n, ...)."""

    features: tuple[str, ...]
    rows: F32  # (n, len(features))
    labels: Labels  # (n,)
    seen: Bools  # (n,) False for sampled unshown candidates
    item_rows: I32  # (n,) catalog rows
    offsets: I64  # (r + 1,)
    times: I64  # (r,) microseconds
    forms: NDArray[np.int8]  # (r,) Form
    request_ids: tuple[str, ...]
    user_ids: tuple[str, ...]
    grades: Labels  # (n,) Grade
    places: I32 | None = None  # (n,) in the slate, 1 at the top, 0 where not known; None: known of none

    def __len__(self) -> int:
        return len(self.times)

    def columns(self, names: Sequence[str]) -> F32:
        """The named features in this order, (n, len(names)). InvalidInput for one the data set lacks."""
        places = {name: j for j, name in enumerate(self.features)}
        absent = [name for name in names if name not in places]
        if absent:
            raise InvalidInput(f"the data set has no column {absent[0]!r}")
        if tuple(names) == self.features:
            return self.rows
        return self.rows[:, [places[name] for name in names]]

    def take(self, impressions: Bools, entries: Bools | None = None) -> "Dataset":
        """The impressions of a mask (r,), and of those only the entries of a mask (n,) if one is given."""
        sizes = np.diff(self.offsets)
        keep = np.repeat(impressions, sizes)
        if entries is not None:
            keep = keep & entries
        owner = np.repeat(np.arange(len(self)), sizes)
        kept = np.bincount(owner[keep], minlength=len(self))[impressions]
        chosen = np.flatnonzero(impressions).tolist()
        return Dataset(
            self.features,
            self.rows[keep],
            self.labels[keep],
            self.seen[keep],
            self.item_rows[keep],
            np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)]),
            self.times[impressions],
            self.forms[impressions],
            tuple(self.request_ids[i] for i in chosen),
            tuple(self.user_ids[i] for i in chosen),
            self.grades[keep],
            None if self.places is None else self.places[keep],
        )

    def known_places(self) -> I32:
        """`places`, (n,), with 0 throughout where they are known of none."""
        return np.zeros(len(self.labels), np.int32) if self.places is None else self.places

    def of(self, form: Form) -> "Dataset":
        """The impressions in one form."""
        return self.take(self.forms == form)

    def served(self) -> "Dataset":
        """The impressions in the form that serves: padded, or as shown where nothing was padded, as with slates."""
        padded = self.of(Form.PADDED)
        return padded if len(padded) else self.of(Form.SHOWN)

    def judged(self) -> "Dataset":
        """Only what was seen: what metrics are about."""
        return self.take(np.ones(len(self), np.bool_), self.seen)


def joined(parts: Sequence[Dataset]) -> Dataset:
    """Data sets of the same features over consecutive stretches of time as one. ValueError for none, or if not so."""
    if not parts or any(part.features != parts[0].features for part in parts):
        raise ValueError("data sets to join must be of the same features, and at least one")
    times = np.concatenate([part.times for part in parts])
    if (np.diff(times) < 0).any():
        raise ValueError("data sets to join must follow one another in time")
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    return Dataset(
        parts[0].features,
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.seen for part in parts]),
        np.concatenate([part.item_rows for part in parts]),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]),
        times,
        np.concatenate([part.forms for part in parts]),
        tuple(name for part in parts for name in part.request_ids),
        tuple(name for part in parts for name in part.user_ids),
        np.concatenate([part.grades for part in parts]),
        np.concatenate([part.known_places() for part in parts]),
    )


@dataclass(frozen=True, slots=True)
class View:
    """How the past is seen: the counter delay of imported records, and the vector space."""

    counter_delay: Micros = 0
    space: str = ""  # "" for no vectors
    logged_rows: bool = False  # take slates' rows as they were logged, instead of replaying them
    padding: Padding | None = None  # fills padded impressions; needed only where there are any


_Part = tuple[list[Example], F32]  # some examples, and the rows of what they keep (n, features)


def build(
    facts: Sequence[Fact],
    examples: Sequence[Example],
    view: View,
    features: Sequence[str] = NAMES,
    progress: Progress = no_progress,
) -> Dataset:
    """The data set of examples. `facts` reach back to the beginning of the log, in offset order.

    Imported impressions are replayed by time; slates from the very positions they recorded, or as they were logged, or
    by time where they are to know an outdated log. `progress` hears the number of impressions done. InvalidInput for a
    slate whose logged rows lack a feature.
    """
    with _uncollected():
        slates = [e for e in examples if e.slate is not None and form_of(e) == Form.SHOWN]
        by_time = [e for e in examples if e.slate is None or form_of(e) != Form.SHOWN]
        parts: list[_Part] = []
        if by_time:
            by_time.sort(key=lambda e: (e.impression.horizon, e.impression.time))
            impressions = [e.impression for e in by_time]
            raws = replay_impressions(facts, impressions, view.counter_delay, view.space, view.padding or as_shown)
            parts += _rows_of(by_time, raws, features, progress)
        if slates and view.logged_rows:
            parts.append((slates, np.concatenate([logged_rows(e, features) for e in slates])))
            progress(len(slates))
        elif slates:
            slates.sort(
                key=lambda e: e.slate.state_position if e.slate is not None else 0
            )  # the order of replay_slates
            raws = (raw for _, raw in replay_slates(facts, [e.slate for e in slates if e.slate is not None]))
            parts += _rows_of(slates, raws, features, progress)
        return _assembled(parts, tuple(features))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collections of cyclic garbage that Python makes as objects come up: there is none here, and each
    would go through millions of facts.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _rows_of(
    examples: Sequence[Example], raws: Iterable[Raw], features: Sequence[str], progress: Progress
) -> Iterator[_Part]:
    """The examples, padded ones with what of their padding is kept, in parts computed over whole scored sets."""
    for batch, columns, kept in _batches(examples, raws):
        yield batch, compute(concat(columns), features, kept)
        progress(len(batch))


def _batches(examples: Sequence[Example], raws: Iterable[Raw]) -> Iterator[tuple[list[Example], list[Raw], I64]]:
    """Examples and raw columns of several impressions, and the indices of what they keep among all candidates."""
    batch: list[Example] = []
    columns: list[Raw] = []
    kept: list[I64] = []
    size = 0
    for example, raw in zip(examples, raws, strict=True):
        if example.impression.padded:
            example = with_padding(example, raw.items.rows)
        batch.append(example)
        columns.append(raw)
        kept.append(example.kept.astype(np.int64) + size)
        size += len(raw.items.rows)
        if size >= BATCH_CANDIDATES:
            yield batch, columns, np.concatenate(kept)
            batch, columns, kept, size = [], [], [], 0
    if batch:
        yield batch, columns, np.concatenate(kept)


def with_padding(example: Example, rows: I32) -> Example:
    """The example over its whole scored set `rows` (n,), its own items first: of the rest a sample is kept, unseen and
    without a click.
    """
    own = len(example.impression.rows)
    rng = np.random.default_rng(seed_of(example.impression.request_id))
    sampled = own + np.sort(rng.choice(len(rows) - own, size=min(PADDING_KEPT, len(rows) - own), replace=False))
    return replace(
        example,
        impression=replace(example.impression, rows=tuple(rows.tolist())),
        kept=np.concatenate([example.kept, sampled]).astype(np.int32),
        labels=np.concatenate([example.labels, np.zeros(len(sampled), np.int8)]),
        grades=np.concatenate([example.grades, np.full(len(sampled), Grade.SEEN, np.int8)]),
        seen=np.concatenate([example.seen, np.zeros(len(sampled), np.bool_)]),
    )


def logged_rows(example: Example, features: Sequence[str]) -> F32:
    """The rows a slate was ranked by, (k, len(features)). InvalidInput if it kept none, or lacks a feature."""
    slate = example.slate
    request_id = example.impression.request_id
    if slate is None:
        raise InvalidInput(f"impression {request_id!r} was imported: it has no logged rows; replay it instead")
    places = {name: j for j, name in enumerate(slate.feature_names)}
    absent = [name for name in features if name not in places]
    if absent:
        raise InvalidInput(f"slate {request_id!r} was ranked without feature {absent[0]!r}; replay the slates instead")
    stored = [*slate.shown, *slate.sampled]
    values = np.frombuffer(slate.feature_rows, "<f4")
    if len(values) != len(places) * len(stored):
        raise InvalidInput(
            f"slate {request_id!r} holds {len(values)} values for {len(stored)} rows of {len(places)} features"
        )
    row_of = {candidate: i for i, candidate in enumerate(stored)}
    kept = [row_of[i] for i in example.kept.tolist()]
    return values.reshape(len(stored), len(places))[kept][:, [places[name] for name in features]]


def _assembled(parts: Sequence[_Part], features: tuple[str, ...]) -> Dataset:
    """One data set, in time order."""
    examples = [example for some, _ in parts for example in some]
    rows = np.concatenate([rows for _, rows in parts]) if parts else np.empty((0, len(features)), np.float32)
    sizes = np.array([len(e.kept) for e in examples], np.int64)
    ends = np.cumsum(sizes)
    times = np.array([e.impression.time for e in examples], np.int64)
    order = np.argsort(times, kind="stable")
    if not np.array_equal(order, np.arange(len(order))):
        rows = rows[np.concatenate([np.arange(ends[i] - sizes[i], ends[i]) for i in order.tolist()])]
        examples = [examples[i] for i in order.tolist()]
    nothing = np.empty(0, np.int32)
    return Dataset(
        features,
        rows,
        np.concatenate([nothing.astype(np.int8), *(e.labels for e in examples)]),
        np.concatenate([nothing.astype(np.bool_), *(e.seen for e in examples)]),
        np.concatenate([nothing, *(np.array(e.impression.rows, np.int32)[e.kept] for e in examples)]),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes[order])]),
        times[order],
        np.array([form_of(e) for e in examples], np.int8),
        tuple(e.impression.request_id for e in examples),
        tuple(e.impression.user_id for e in examples),
        np.concatenate([nothing.astype(np.int8), *(e.grades for e in examples)]),
        np.concatenate([nothing, *(_places(e) for e in examples)]),
    )


def _places(example: Example) -> I32:
    return np.zeros(len(example.kept), np.int32) if example.places is None else example.places
