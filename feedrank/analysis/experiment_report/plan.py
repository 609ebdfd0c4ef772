"""Planning a test from the log's own variance: what can be found in how many days.

The last days of the log are read as a test in which nothing was tried: users come in as they came then, and sums grow
as they grew, so no model of growth is needed. Where nothing was served, imported views stand for slates. Knows nothing
of experiments that ran.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from feedrank.analysis.experiment_report.definitions import Definitions, Metric
from feedrank.analysis.experiment_report.design import Design
from feedrank.analysis.experiment_report.ledger import Ledger, keep_ledger
from feedrank.analysis.experiment_report.log_tables import read_log
from feedrank.analysis.experiment_report.population import Population, gather_population
from feedrank.analysis.experiment_report.readings import columns_of
from feedrank.analysis.experiment_report.served import SCHEMA, diversities, read_served
from feedrank.analysis.statistics import Moments, compare, smallest_effect, spread_of_both, users_for
from feedrank.errors import InvalidInput
from feedrank.store import LogStore
from feedrank.training.period import BEGINNING, END
from feedrank.training.train import Watch, unwatched
from feedrank.types import DAY, Action, Micros

EVERYONE = "everyone"
NOTHING_VARIES = 1e-6  # of the value, as a standard deviation: everybody did the same
LONGEST = 28  # days of a test; longer ones lose users to cleared cookies and seasons


@dataclass(frozen=True, slots=True)
class Trial:
    """The test to plan: the least relative effect that matters, and who takes part."""

    effect: float
    traffic: float = 1.0  # share of users in the test
    treated: float = 0.5  # share of these in the treatment

    def __post_init__(self) -> None:
        """Refuses shares that are none."""
        for name, value in (("effect", self.effect), ("traffic", self.traffic), ("treated", self.treated)):
            if not 0 < value <= 1 or (name == "treated" and value == 1):
                raise InvalidInput(
                    f"{name} {value:g}: give a share above 0 and {'below' if name == 'treated' else 'up to'} 1"
                )


@dataclass(frozen=True, slots=True)
class Step:
    """What a test of `days` days can find of a metric."""

    days: int
    users: int  # in both arms together
    value: float
    smallest: float  # relative effect found with 80% power, without covariates
    smallest_adjusted: float  # with CUPED


@dataclass(frozen=True, slots=True)
class Outlook:
    """One metric. `days` is the run time for the effect, 0 where the log is too short to say; `users` then tells."""

    metric: Metric
    steps: tuple[Step, ...]
    days: int
    users: int  # in both arms together, at the variance of the longest step


@dataclass(frozen=True, slots=True)
class Plan:
    """What was read, and every metric's outlook. Metrics without a value in this log are named in `silent`."""

    trial: Trial
    start: Micros
    until: Micros
    before_days: int
    outlooks: tuple[Outlook, ...]
    silent: tuple[str, ...]


def make_plan(store: LogStore, trial: Trial, definitions: Definitions, watch: Watch = unwatched) -> Plan:
    """Plans a test by user. InvalidInput where the log holds nothing served or seen, or less than two days of it."""
    tables = read_log(store, END, watch("reading the log", store.position()))
    served = read_served(store, "", BEGINNING, END, watch("reading slates", None))
    if served.is_empty():
        served = _seen(tables.events)
    served = served.filter(pl.col("user_id") != "")
    if served.is_empty():
        raise InvalidInput("the log holds neither slates nor views with a request id: there is nothing to plan from")
    served = served.with_columns(pl.Series("diversity", diversities(served, tables.categories), pl.Float64))
    times = served["time"].to_numpy()
    first_day, until = int(times.min()) // DAY, (int(times.max()) // DAY + 1) * DAY
    whole = until // DAY - first_day
    if whole < 2:
        raise InvalidInput("the log covers less than two days: a test needs more than one day of readers to plan from")
    before = min(definitions.rules.before_days, whole // 2)
    days = min(LONGEST, whole - before)
    start = until - days * DAY
    part = served.with_columns(
        pl.when(pl.col("time") >= start).then(pl.lit(EVERYONE)).otherwise(pl.lit("")).alias("variant")
    )
    design = Design(EVERYONE, {EVERYONE: 1.0})
    population = gather_population(part, tables.events, design, definitions.rules.bot_events_per_day)
    ledger = keep_ledger(population, part, tables.events, definitions.quantity, before, until)
    outlooks, silent = [], []
    for metric in definitions.metric:
        steps = _steps(population, ledger, metric, trial, days)
        if steps:
            outlooks.append(_outlook(metric, steps, trial))
        else:
            silent.append(metric.name)
    return Plan(trial, start, until, before, tuple(outlooks), tuple(silent))


def _seen(events: pl.DataFrame) -> pl.DataFrame:
    """Imported views as slates; what was in them is not kept."""
    views = events.filter(pl.col("action") == int(Action.VIEW), pl.col("request_id") != "")
    absent = pl.DataFrame(schema=SCHEMA).drop(set(SCHEMA) & set(views.columns))
    nothing = {pl.Boolean: False, pl.Int64: 0, pl.String: ""}
    slates = views.with_columns(
        pl.lit(nothing.get(dtype.base_type(), []), dtype).alias(name) for name, dtype in absent.schema.items()
    )
    slates = slates.with_columns(pl.lit("user").alias("unit"))
    return slates.select(SCHEMA.keys()).sort("time")


def _steps(population: Population, ledger: Ledger, metric: Metric, trial: Trial, days: int) -> tuple[Step, ...]:
    arrived = (population.units["first"].to_numpy() - population.origin) // DAY
    steps = []
    for day in range(days):
        columns = columns_of(metric, ledger, day)[arrived <= day]
        users = int(len(columns) * trial.traffic)
        if users < 2 or not columns[:, :2].any(axis=0).all():
            continue
        whole, plain = Moments.of(columns), Moments.of(columns[:, :2])
        adjusted, unadjusted = compare(whole, whole).control, compare(plain, plain).control
        value = float(unadjusted.value)
        sds = [float(np.sqrt(arm.variance * arm.n)) for arm in (unadjusted, adjusted)]
        if min(sds) <= NOTHING_VARIES * value:
            continue
        spreads = [spread_of_both(sd, trial.effect, trial.treated) for sd in sds]
        found = [smallest_effect(users, sd, trial.treated) / value for sd in spreads]
        steps.append(Step(day + 1, users, value, *found))
    return tuple(steps)


def _outlook(metric: Metric, steps: Sequence[Step], trial: Trial) -> Outlook:
    days = next((s.days for s in steps if s.smallest_adjusted <= trial.effect), 0)
    last = steps[-1]
    # the spread per user that the last step's smallest effect came from, as a share of the value
    spread = last.smallest_adjusted / smallest_effect(last.users, 1.0, trial.treated)
    return Outlook(metric, tuple(steps), days, users_for(trial.effect, spread, trial.treated))
