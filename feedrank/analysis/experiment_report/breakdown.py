"""Effects day by day, and for parts of the readers.

Segments are taken at a unit's first exposure, so that no variant can move anyone between them. Knows nothing of
verdicts: what is found by looking through segments is a question for the next experiment.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feedrank.analysis.experiment_report.definitions import Metric
from feedrank.analysis.experiment_report.ledger import Ledger
from feedrank.analysis.experiment_report.population import Population
from feedrank.analysis.experiment_report.readings import Reading, columns_of, read, with_adjusted
from feedrank.analysis.experiment_report.served import SEGMENTS
from feedrank.analysis.statistics import Correction
from feedrank.analysis.statistics.checks import FEWEST_USERS
from feedrank.types import DAY, AnyArray, Bools

MOST_VALUES = 6  # of a segment, the largest; the rest is read in the whole


@dataclass(frozen=True, slots=True)
class Day:
    """What a report of that day would have said: everything up to its end."""

    day: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class Segment:
    """A reading of those of whom `name` is `value`."""

    name: str
    value: str
    reading: Reading


def arms_of(population: Population, treatment: str) -> tuple[Bools, Bools]:
    """Who is in control, and who in a treatment: (units,) each."""
    variant = population.units["variant"].to_numpy()
    return variant == population.design.control, variant == treatment


def by_day(
    population: Population, ledger: Ledger, metric: Metric, treatment: str, days: int, planned_effect: float
) -> tuple[Day, ...]:
    """One entry for each of `days` at whose end both arms had users enough to speak of."""
    arrived = (population.units["first"].to_numpy() - population.origin) // DAY
    arms = arms_of(population, treatment)
    found = []
    for day in range(days):
        here = (arms[0] & (arrived <= day), arms[1] & (arrived <= day))
        if min(int(members.sum()) for members in here) < FEWEST_USERS:
            continue
        reading = read(metric, treatment, columns_of(metric, ledger, day), here, planned_effect)
        if reading is not None:
            found.append(Day(day, reading))
    return tuple(found)


def by_segment(
    population: Population, ledger: Ledger, metric: Metric, treatment: str, final: bool, planned_effect: float
) -> tuple[Segment, ...]:
    """Every segment with at least 100 units in both arms, p values adjusted over all of them (Benjamini, Hochberg)."""
    columns, arms = columns_of(metric, ledger), arms_of(population, treatment)
    found: list[Segment] = []
    for name, values in _segments(population, ledger).items():
        known, counts = np.unique(values[values != ""], return_counts=True)
        if len(known) < 2:
            continue
        for value in known[np.argsort(-counts, kind="stable")][:MOST_VALUES]:
            here = (arms[0] & (values == value), arms[1] & (values == value))
            if min(int(members.sum()) for members in here) < FEWEST_USERS:
                continue
            reading = read(metric, treatment, columns, here, planned_effect)
            if reading is not None:
                found.append(Segment(name, str(value), reading))
    readings = with_adjusted([s.reading for s in found], final, Correction.BENJAMINI_HOCHBERG)
    return tuple(Segment(s.name, s.value, r) for s, r in zip(found, readings, strict=True))


def _segments(population: Population, ledger: Ledger) -> Mapping[str, AnyArray]:
    """(units,) values by segment."""
    named = {name: population.units[name].to_numpy().astype(str) for name in SEGMENTS}
    known = np.zeros(ledger.units, np.bool_)
    known[ledger.unit[ledger.day < 0]] = True
    return {**named, "reader": np.where(known, "known before", "new")}
