"""What every unit of an experiment did, as sums per unit and day: the quantities that metrics are made of.

Day 0 is the day of the experiment's first exposure, days before it are what covariates are made of. A unit's events
count from its own first exposure on; slates count if the experiment served them. Knows nothing of metrics or variants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from feedrank.analysis.experiment_report.definitions import RANK_MS, Quantity
from feedrank.analysis.experiment_report.population import KEYS, Population
from feedrank.types import DAY, F64, I64, MINUTE, Action, Micros

SESSION_PAUSE = 30 * MINUTE  # without a session id, a longer pause begins another session


@dataclass(frozen=True, slots=True)
class Ledger:
    """One entry for each (unit, day) on which there was anything; columns by quantity."""

    units: int
    unit: I64  # (k,)
    day: I64  # (k,) negative before the experiment
    columns: Mapping[str, F64]  # (k,) each

    def totals(self, quantity: str, through_day: int | None = None) -> F64:
        """(units,) sums since the experiment began, up to and with a day."""
        members = self.day >= 0
        if through_day is not None:
            members &= self.day <= through_day
        return self._sum(quantity, members)

    def before(self, quantity: str) -> F64:
        """(units,) sums from before the experiment."""
        return self._sum(quantity, self.day < 0)

    def _sum(self, quantity: str, members: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> F64:
        values = self.columns[quantity][members]
        return np.bincount(self.unit[members], values, minlength=self.units).astype(np.float64)


def keep_ledger(
    population: Population,
    served: pl.DataFrame,
    events: pl.DataFrame,
    quantities: Mapping[str, Quantity],
    before_days: int,
    until: Micros,
) -> Ledger:
    """The sums of all quantities. `served` has a `diversity` column; `until` is where the data end."""
    key = KEYS[population.design.unit]
    oldest = population.origin - before_days * DAY
    units = population.units.select("key", "n", "first")
    known = events.filter(pl.col("time") >= oldest, pl.col("time") < until)
    known = known.join(units, left_on=key, right_on="key", how="inner")
    known = known.filter((pl.col("time") >= pl.col("first")) | (pl.col("time") < population.origin))
    answered = population.slates.select(pl.col("n"), "request_id", pl.lit(True).alias("answered"))
    known = known.join(answered.unique(["n", "request_id"]), on=["n", "request_id"], how="left")
    earlier = served.filter(pl.col("time") >= oldest, pl.col("time") < population.origin)
    earlier = earlier.join(units.select("key", "n"), left_on=key, right_on="key", how="inner")
    columns = ["n", "time", "session_id", "degraded", "rank_us", "diversity", "rows"]
    during = population.slates.filter(pl.col("time") < until)
    slates = pl.concat([earlier.select(columns), during.select(columns)])

    day = ((pl.col("time") - population.origin) // DAY).alias("day")  # floors, also below 0
    of_events = {name: q for name, q in quantities.items() if q.of == "events"}
    of_slates = {name: q for name, q in quantities.items() if q.of == "slates"}
    done = known.with_columns(day).group_by("n", "day").agg(*(_of_events(q).alias(n) for n, q in of_events.items()))
    last_whole_day = (until - population.origin) // DAY - 1
    shown = _days(slates.with_columns(day), last_whole_day, list(of_slates.values()))
    shown = shown.select("n", "day", *(pl.col(_column(q)).alias(name) for name, q in of_slates.items()))
    both = done.join(shown, on=["n", "day"], how="full", coalesce=True).fill_null(0.0).sort("n", "day")
    return Ledger(
        len(population.units),
        both["n"].to_numpy().astype(np.int64),
        both["day"].to_numpy().astype(np.int64),
        {name: both[name].to_numpy().astype(np.float64) for name in quantities},
    )


def _of_events(quantity: Quantity) -> pl.Expr:
    counts = pl.col("action") == int(Action[quantity.action])
    if quantity.answers:  # before the experiment there was no slate of it to answer
        counts &= pl.col("answered").fill_null(False) | (pl.col("day") < 0)
    value = pl.col("value").fill_nan(0.0)
    if quantity.at_least is not None:
        counts &= value >= quantity.at_least
    if quantity.at_most is not None:
        value = value.clip(upper_bound=quantity.at_most)
    measured = {"count": pl.lit(1.0), "items": pl.col("items").cast(pl.Float64), "value": value}[quantity.measure]
    return pl.when(counts).then(measured).otherwise(0.0).sum()


def _column(quantity: Quantity) -> str:
    """Where `_days` puts a quantity of slates."""
    return quantity.measure if quantity.at_most is None else f"{quantity.measure}, at most {quantity.at_most}"


def _days(slates: pl.DataFrame, last_whole_day: int, quantities: Sequence[Quantity]) -> pl.DataFrame:
    """Every measure of slates by (n, day)."""
    took_ms = pl.col("rank_us") / 1_000.0
    timings = {_column(q): took_ms.clip(upper_bound=q.at_most).sum() for q in quantities if q.measure == RANK_MS}
    ordered = slates.sort("n", "time", maintain_order=True)
    paused = (pl.col("time") - pl.col("time").shift(1).over("n")) > SESSION_PAUSE
    another = (
        pl.when(pl.col("session_id") == "")
        .then(paused)
        .otherwise(pl.col("session_id") != pl.col("session_id").shift(1).over("n"))
    )
    ordered = ordered.with_columns(another.fill_null(True).alias("begins"))
    days = ordered.group_by("n", "day", maintain_order=True).agg(
        pl.len().cast(pl.Float64).alias("count"),
        pl.col("rows").list.len().sum().cast(pl.Float64).alias("shown"),
        pl.col("degraded").sum().cast(pl.Float64).alias("degraded"),
        pl.col("diversity").fill_nan(0.0).sum().alias("diversity"),
        pl.col("diversity").is_not_nan().sum().cast(pl.Float64).alias("categorised"),
        pl.col("begins").sum().cast(pl.Float64).alias("sessions"),
        (pl.col("rank_us") > 0).sum().cast(pl.Float64).alias("timed"),
        **timings,
    )
    over = (pl.col("day") + 1 <= last_whole_day).cast(pl.Float64)
    follows = (pl.col("day").shift(-1).over("n") == pl.col("day") + 1).fill_null(False).cast(pl.Float64)
    return days.with_columns(over.alias("days"), (over * follows).alias("returns"))
