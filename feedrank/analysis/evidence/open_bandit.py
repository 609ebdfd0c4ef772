"""The Open Bandit sample: the value of each of two real policies, estimated from the other's log, beside its own.

Saito, Aihara, Matsutani, Narita, "Open Bandit Dataset and Pipeline", NeurIPS Datasets 2021 (ZOZO, CC BY 4.0). The
uniform random policy's probabilities are exact. Bernoulli Thompson sampling logged its own, but not what it would have
done elsewhere: as a target, its probabilities are approximated by the frequencies of items by position in its own log.
The sample names no users, so rows count as independent. Knows nothing of slates.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from feedrank.analysis.off_policy import (
    Decisions,
    Overlap,
    Value,
    crossfit,
    estimate_all,
    measure_overlap,
    on_policy,
)
from feedrank.errors import InvalidInput
from feedrank.types import F64, I64

RANDOM, THOMPSON = "random_men", "bts_men"
FILE = "men.csv"


@dataclass(frozen=True, slots=True)
class Log:
    """One policy's log: (n,) columns."""

    item: I64
    position: I64  # from 0
    click: F64
    propensity: F64


@dataclass(frozen=True, slots=True)
class Comparison:
    """A target's value by its own log, and estimated from the other policy's."""

    target: str
    logged_by: str
    own: Value
    estimates: tuple[Value, ...]
    overlap: Overlap


def read_policy(folder: Path) -> Log:
    """A policy's log. InvalidInput where the file is not the sample's."""
    try:
        table = pl.read_csv(folder / FILE, columns=["item_id", "position", "click", "propensity_score"])
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidInput(f"{folder / FILE}: is not a log of the Open Bandit sample ({error})") from error
    item, position = (table[name].to_numpy().astype(np.int64) for name in ("item_id", "position"))
    click, propensity = (table[name].to_numpy().astype(np.float64) for name in ("click", "propensity_score"))
    return Log(item, position - 1, click, propensity)


def compare_policies(folder: Path) -> tuple[Comparison, Comparison]:
    """Thompson sampling's value from the random log, and the random policy's from Thompson sampling's."""
    random, thompson = read_policy(folder / RANDOM), read_policy(folder / THOMPSON)
    items = int(max(random.item.max(), thompson.item.max())) + 1
    positions = int(max(random.position.max(), thompson.position.max())) + 1
    counts = np.bincount(thompson.position * items + thompson.item, minlength=items * positions)
    frequencies = counts.reshape(positions, items) / counts.reshape(positions, items).sum(axis=1, keepdims=True)
    uniform = np.full((positions, items), 1.0 / items)
    return (
        _compare("Thompson sampling", "uniform random", thompson, random, frequencies),
        _compare("uniform random", "Thompson sampling", random, thompson, uniform),
    )


def _compare(target: str, logged_by: str, own: Log, log: Log, probabilities: F64) -> Comparison:
    rows = np.arange(len(log.click))
    weights = probabilities[log.position, log.item] / log.propensity
    expected, promised = crossfit(log.click, log.item, log.position, rows, probabilities[log.position])
    decisions = Decisions(log.click, weights, rows, expected, promised)
    return Comparison(
        target,
        logged_by,
        on_policy(own.click, np.arange(len(own.click))),
        estimate_all(decisions),
        measure_overlap(decisions, log.propensity),
    )
