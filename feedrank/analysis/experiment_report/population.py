"""Who took part in an experiment, in which variant and since when; and whom the analysis leaves out, and why.

A unit (user or session) counts in the variant it was assigned, whatever it was served: leaving out those whose variant
did not load would compare different people. Knows nothing of what anybody did with a slate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from feedrank.analysis.experiment_report.design import Design
from feedrank.analysis.experiment_report.served import SEGMENTS
from feedrank.errors import InvalidInput
from feedrank.types import DAY, Micros

KEYS = {"user": "user_id", "session": "session_id"}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Counts of what does not count. Slates: of units otherwise kept. Units: gone with all they did."""

    duplicated_slates: int = 0
    overridden_slates: int = 0
    unidentified_slates: int = 0  # no user or session to hold on to, or another unit than the experiment's
    crossed_units: int = 0  # seen in more than one variant
    bots: Mapping[str, int] = field(default_factory=dict)  # units by variant


@dataclass(frozen=True, slots=True)
class Population:
    """The units of an experiment and their slates. `origin` is midnight UTC of the day of the first exposure."""

    design: Design
    units: pl.DataFrame  # n (0..), key, variant, first, and the segments at first exposure
    slates: pl.DataFrame  # those that count, with n
    start: Micros  # of the first exposure
    origin: Micros
    left_out: LeftOut
    fell_back: Mapping[str, float]  # the share of a variant's slates that another variant served

    @property
    def counts(self) -> tuple[int, ...]:
        """Units by variant, in the design's order."""
        found = dict(self.units.group_by("variant").len().iter_rows())
        return tuple(found.get(name, 0) for name in self.design.weights)


def gather_population(served: pl.DataFrame, events: pl.DataFrame, design: Design, bot_limit: int) -> Population:
    """The units that `design`'s experiment served, out of `served` and `events` (see those modules).

    InvalidInput where nobody took part, and for a variant the design does not have.
    """
    key = KEYS[design.unit]
    part = served.filter(pl.col("variant") != "")
    if part.is_empty():
        raise InvalidInput(
            f"experiment {design.name!r} has no data: no slate in the log was served under it; is it running, and are "
            "slates kept that long?"
        )
    strange = sorted(set(part["variant"]) - set(design.weights))
    if strange:
        raise InvalidInput(
            f"slates of experiment {design.name!r} name variant {strange[0]!r}, which its definition does not have: "
            f"{', '.join(design.weights)}"
        )
    part = part.with_columns(pl.col(key).alias("key"))
    identified = (pl.col("unit") == design.unit) & (pl.col("key") != "")
    counted = part.filter(identified & ~pl.col("overridden"))
    once = counted.unique(["key", "request_id"], keep="first", maintain_order=True)
    variants = once.group_by("key").agg(pl.col("variant").n_unique().alias("variants"))
    crossed = variants.filter(pl.col("variants") > 1).select("key")
    kept = once.join(crossed, on="key", how="anti", maintain_order="left")
    bots = _bots(kept, events, key, bot_limit)
    bot_counts = kept.join(bots, on="key", how="semi").group_by("variant").agg(pl.col("key").n_unique())
    kept = kept.join(bots, on="key", how="anti", maintain_order="left")
    if kept.is_empty():
        raise InvalidInput(
            f"experiment {design.name!r} has no data that counts: all {len(part)} of its slates were overridden, or of "
            "bots, of nobody, or of units in several variants"
        )
    first = [pl.col("variant").first(), pl.col("time").min().alias("first"), *(pl.col(s).first() for s in SEGMENTS)]
    units = kept.sort("time", maintain_order=True).group_by("key", maintain_order=True).agg(first)
    units = units.with_row_index("n").with_columns(pl.col("n").cast(pl.Int64))
    start = int(units["first"].to_numpy().min())
    shares = kept.group_by("variant").agg(pl.col("fell_back").mean())
    return Population(
        design,
        units,
        kept.join(units.select("key", "n"), on="key", maintain_order="left"),
        start,
        start - start % DAY,
        LeftOut(
            duplicated_slates=len(counted) - len(once),
            overridden_slates=int(part["overridden"].sum()),
            unidentified_slates=len(part.filter(~identified)),
            crossed_units=len(crossed),
            bots=dict(bot_counts.iter_rows()),
        ),
        dict(shares.iter_rows()),
    )


def _bots(slates: pl.DataFrame, events: pl.DataFrame, key: str, limit: int) -> pl.DataFrame:
    """Keys with more than `limit` events, or slates, in one day (UTC). The rule does not look at variants."""
    day = (pl.col("time") // DAY).alias("day")
    busy = [
        table.group_by(name, day).len().filter(pl.col("len") > limit).select(pl.col(name).alias("key"))
        for table, name in ((events, key), (slates, "key"))
    ]
    return pl.concat(busy).unique()
