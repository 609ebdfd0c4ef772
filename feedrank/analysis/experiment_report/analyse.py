"""The whole analysis of one experiment, from a store to everything a report says.

Knows nothing of pages or of terminals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from feedrank.analysis.experiment_report.breakdown import Day, Segment, arms_of, by_day, by_segment
from feedrank.analysis.experiment_report.catalogue import Coverage, coverage
from feedrank.analysis.experiment_report.definitions import Definitions, Metric, Role
from feedrank.analysis.experiment_report.design import Design, defined, observed
from feedrank.analysis.experiment_report.health import Health, examine
from feedrank.analysis.experiment_report.interleaved import Preference, preference_of, signs_of
from feedrank.analysis.experiment_report.ledger import Ledger, keep_ledger
from feedrank.analysis.experiment_report.log_tables import LogTables, read_log
from feedrank.analysis.experiment_report.population import KEYS, Population, gather_population
from feedrank.analysis.experiment_report.readings import Reading, columns_of, of_role, read, with_adjusted
from feedrank.analysis.experiment_report.served import diversities, read_served
from feedrank.analysis.experiment_report.verdict import Verdict, judge
from feedrank.analysis.statistics import Correction
from feedrank.errors import InvalidInput
from feedrank.store import LogStore
from feedrank.training.period import BEGINNING, END
from feedrank.training.train import Watch, unwatched
from feedrank.types import DAY, Micros


@dataclass(frozen=True, slots=True)
class Question:
    """What to analyse. `control` and `unit` matter where the log does not define the experiment."""

    experiment: str
    until: Micros = END
    horizon: Micros = 0  # the end fixed beforehand, where the definition names none
    control: str = ""
    unit: str = "user"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything there is to say."""

    population: Population
    definitions: Definitions
    health: Health
    until: Micros  # where the data end
    final: bool  # whether the end planned beforehand is reached: fixed-horizon intervals decide
    readings: tuple[Reading, ...]
    unlogged: tuple[Metric, ...]  # which the log says nothing of, so that there are no readings
    verdicts: tuple[Verdict, ...]
    days: Mapping[str, tuple[Day, ...]]  # by treatment, of the first primary metric
    segments: Mapping[str, tuple[Segment, ...]]  # the same
    coverage: Mapping[str, Coverage]
    preference: Preference | None  # of an interleaving experiment

    @property
    def design(self) -> Design:
        """How it was set up."""
        return self.population.design

    @property
    def primary(self) -> Metric:
        """What days and segments are of."""
        return self.definitions.of_role(Role.PRIMARY)[0]


def analyse(store: LogStore, question: Question, definitions: Definitions, watch: Watch = unwatched) -> Report:
    """Analyses one experiment.

    NotFound for an experiment the log does not know, InvalidInput for one without data, StoreError for a log that
    cannot be read.
    """
    tables = read_log(store, question.until, watch("reading the log", store.position()))
    served = read_served(store, question.experiment, BEGINNING, question.until, watch("reading slates", None))
    design = _design(question, tables, served)
    end = _end(served, tables.events)
    final = 0 < design.horizon <= end
    until = design.horizon if final else end
    served = served.filter(pl.col("time") < until)
    served = served.with_columns(pl.Series("diversity", diversities(served, tables.categories), pl.Float64))
    events = tables.events.filter(pl.col("time") < until)
    rules = definitions.rules
    population = gather_population(served, events, design, rules.bot_events_per_day)
    ledger = keep_ledger(population, served, events, definitions.quantity, rules.before_days, until)
    health = examine(population)
    unlogged = tuple(m for m in definitions.metric if m.if_logged and not columns_of(m, ledger)[:, 1].any())
    readings = _readings(population, ledger, definitions, unlogged, final)
    primary = definitions.of_role(Role.PRIMARY)[0]
    days = max(1, (until - population.origin + DAY - 1) // DAY)
    planned = rules.planned_effect
    return Report(
        population,
        definitions,
        health,
        until,
        final,
        readings,
        unlogged,
        tuple(
            judge(t, health, [r for r in readings if r.treatment == t], planned, final, unlogged)
            for t in design.treatments
        ),
        {t: by_day(population, ledger, primary, t, days, planned) for t in design.treatments},
        {t: by_segment(population, ledger, primary, t, final, planned) for t in design.treatments},
        coverage(population),
        _preference(population, events),
    )


def _design(question: Question, tables: LogTables, served: pl.DataFrame) -> Design:
    if question.unit not in KEYS:
        raise InvalidInput(f"unit {question.unit!r}: an experiment is by {' or '.join(KEYS)}")
    design = defined(tables.definitions, question.experiment)
    if design is None:
        variants = served.filter(pl.col("variant") != "")["variant"].unique().to_list()
        design = observed(question.experiment, variants, question.control, question.unit)
    return design if design.horizon or not question.horizon else design.until(question.horizon)


def _end(served: pl.DataFrame, events: pl.DataFrame) -> Micros:
    times = [int(t["time"].to_numpy().max()) for t in (served, events) if len(t)]
    return max(times, default=0) + 1


def _readings(
    population: Population, ledger: Ledger, definitions: Definitions, unlogged: Sequence[Metric], final: bool
) -> tuple[Reading, ...]:
    """Every metric of every treatment, but `unlogged` ones. Primary metrics are adjusted by Holm, the others by
    Benjamini and Hochberg.
    """
    found = []
    planned = definitions.rules.planned_effect
    for metric in (m for m in definitions.metric if m not in unlogged):
        columns, counts = columns_of(metric, ledger), definitions.quantity[metric.numerator].counts
        for treatment in population.design.treatments:
            reading = read(metric, treatment, columns, arms_of(population, treatment), planned, counts)
            if reading is not None:
                found.append(reading)
    primary = with_adjusted(of_role(found, Role.PRIMARY), final, Correction.HOLM)
    others = with_adjusted(of_role(found, Role.GUARDRAIL, Role.SECONDARY), final, Correction.BENJAMINI_HOCHBERG)
    return (*primary, *others)


def _preference(population: Population, events: pl.DataFrame) -> Preference | None:
    if not population.design.teams:
        return None
    control, challenger = population.design.teams
    return preference_of(signs_of(population.slates, events, control, challenger))
