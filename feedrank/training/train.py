"""From the log to a registered model: read, replay, fit, publish. The one order of these steps, for scripts and tests
alike.

Knows nothing of terminals, and looks at nothing later than the end of its period.
"""

import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import lightgbm
import numpy as np

from feedrank import __version__
from feedrank.errors import InvalidInput
from feedrank.pipeline.scorers import LightGBMScorer
from feedrank.registry import CalibrationTable, DataRange, Measures, Registry
from feedrank.store import LogStore
from feedrank.store.data_settings import load_data_settings
from feedrank.training.dataset import Dataset, View, build
from feedrank.training.facts import Progress, no_progress
from feedrank.training.feature_choice import check_names, steady, varying
from feedrank.training.fit import FitParams, Fitted, fit
from feedrank.training.forms import Form, training_mix
from feedrank.training.padding import Padding
from feedrank.training.period import AUTO_SPACE, BEGINNING, END, SlateRows, read_period
from feedrank.training.yardstick import fit_yardstick
from feedrank.types import F32, SECOND, Micros

GOLDEN_ROWS = 64  # spread over the data set: enough to pass through most leaves of most trees

# `watch(phase, total)` starts a phase and gives what its steps are told to; total None is not known beforehand.
Watch = Callable[[str, int | None], Progress]


def unwatched(phase: str, total: int | None) -> Progress:
    """For callers who watch nothing."""
    return no_progress


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to train, on what."""

    name: str
    start: Micros = BEGINNING
    until: Micros = END
    counter_delay: Micros = 0
    space: str = AUTO_SPACE
    slate_rows: SlateRows = SlateRows.REPLAY
    features: tuple[str, ...] = ()  # empty: the steady ones
    params: FitParams = field(default_factory=FitParams)


@dataclass(frozen=True, slots=True)
class Trained:
    """A registered version, and what came of it."""

    reference: str  # NAME@VERSION
    fitted: Fitted
    data: DataRange
    space: str
    made_champion: bool


def train(
    store: LogStore, registry: Registry, assignment: Assignment, champion: str, watch: Watch = unwatched
) -> Trained:
    """Trains a version and registers it; the first ever becomes the `champion` alias.

    InvalidInput where the log holds nothing to learn from, RegistryError if the version cannot be kept.
    """
    registry.check_new(assignment.name)
    dataset, space = collect(store, assignment, watch)
    return train_on(dataset, space, registry, assignment, champion, watch)


def train_on(
    dataset: Dataset, space: str, registry: Registry, assignment: Assignment, champion: str, watch: Watch = unwatched
) -> Trained:
    """`train` on what `collect` gave, of one stretch of the log or of several joined. Raises as `train` does."""
    features = varying(dataset.features, dataset.rows)
    if not features:
        raise InvalidInput("no feature varies over these impressions: there is nothing to rank by")
    fitted = fit(dataset, features, assignment.params, watch("fitting", None))
    return _publish(registry, assignment, space, dataset, fitted, champion)


def collect(store: LogStore, assignment: Assignment, watch: Watch = unwatched) -> tuple[Dataset, str]:
    """The rows to learn from and their vector space. The log, far larger than they are, is let go of on return."""
    features = check_names(assignment.features) or steady()
    reading = watch("reading the log", store.position())
    period = read_period(
        store, assignment.start, assignment.until, space=assignment.space, blind=True, progress=reading
    )
    logged = assignment.slate_rows == SlateRows.LOGGED
    view = View(assignment.counter_delay, period.space, logged, Padding(store, load_data_settings(store)))
    examples = training_mix(period.examples)
    replaying = watch("replaying impressions", len(examples))
    dataset = build(period.facts, examples, view, features, replaying)
    padded = np.repeat(dataset.forms == Form.PADDED, np.diff(dataset.offsets))
    # What a served slate did not show is what the ranker in force put low: as negatives it would teach the next one to
    # agree with the last (ADR 0018).
    return dataset.take(np.ones(len(dataset), np.bool_), dataset.seen | padded), period.space


def _publish(
    registry: Registry, assignment: Assignment, space: str, dataset: Dataset, fitted: Fitted, champion: str
) -> Trained:
    scorer = LightGBMScorer(fitted.model_text, fitted.features)
    golden = _golden_rows(dataset.columns(fitted.features))
    data = DataRange(
        start=int(dataset.times[0]),
        until=int(dataset.times[-1]) + 1,
        impressions=fitted.impressions,
        rows=fitted.rows,
    )
    shown = dataset.of(Form.SHOWN).judged()
    table = fitted.calibration
    measures = Measures(
        None if table is None else CalibrationTable(margins=table.margins, probabilities=table.probabilities),
        fit_yardstick(shown.columns(fitted.features), shown.labels, assignment.params.seed),
    )
    selection = fitted.selection.as_json() if fitted.selection is not None else {}
    reference = registry.publish(
        assignment.name,
        fitted.model_text,
        fitted.features,
        space,
        golden,
        scorer.score(golden)["margin"],
        counter_delay_s=assignment.counter_delay / SECOND,
        data=data,
        metrics={f"selection_{name}": float(value) for name, value in selection.items()},
        params={**assignment.params.as_json(), "rounds": fitted.rounds},
        measures=measures,
        libraries=libraries(),
        git_commit=git_commit(),
    )
    first = not registry.resolve_alias(champion)
    if first:
        registry.set_alias(champion, reference, "the first trained model")
    return Trained(reference, fitted, data, space, first)


def _golden_rows(rows: F32) -> F32:
    return rows[np.linspace(0, len(rows) - 1, min(GOLDEN_ROWS, len(rows))).astype(np.int64)]


def libraries() -> dict[str, str]:
    """Versions of what a model depends on."""
    return {
        "feedrank": __version__,
        "lightgbm": lightgbm.__version__,
        "numpy": np.__version__,
        "protobuf": version("protobuf"),
        "python": platform.python_version(),
    }


def git_commit() -> str:
    """The commit of the code that runs, with "-dirty" where files differ from it; "" outside a checkout."""
    package = Path(__file__).parent
    command = ["git", "-C", str(package), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
