"""What an interleaving experiment says: which of two models its readers prefer, by whose items they click.

A user prefers the team with more clicks on the items it drafted; the sign test over users with a preference says
whether that is chance, the mean preference over all users (+1, 0, -1) how large it is. Knows nothing of drafting.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import stats

from feedrank.analysis.statistics import half_width, mixture_variance, planned_se
from feedrank.analysis.statistics.sequential import ALPHA
from feedrank.types import I64, Action

PLANNED_PREFERENCE = 0.05  # the mean preference that the always-valid interval is tuned to


@dataclass(frozen=True, slots=True)
class Preference:
    """Users who prefer the second variant (the challenger) to the first, the other way round, and neither."""

    challenger: int
    control: int
    neither: int
    mean: float  # in -1..1, above 0 where the challenger is preferred
    sequential: tuple[float, float]  # always valid
    p_value: float  # sign test, for one look

    def favoured(self, final: bool) -> int:
        """Whom readers are shown to prefer: 1 the challenger, -1 the control, 0 neither. At the end planned beforehand
        (`final`) the sign test decides, else the always-valid interval.
        """
        if final:
            return int(np.sign(self.challenger - self.control)) if self.p_value < ALPHA else 0
        low, high = self.sequential
        return int(low > 0) - int(high < 0)

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "prefer_challenger": self.challenger,
            "prefer_control": self.control,
            "prefer_neither": self.neither,
            "mean": self.mean,
            "sequential": list(self.sequential),
            "p_value": self.p_value,
        }


def preference_of(signs: I64) -> Preference:
    """From each user's sign (n,): 1 for the challenger, -1 for the control, 0 for neither. At least one user."""
    challenger, control = int((signs > 0).sum()), int((signs < 0).sum())
    decided = challenger + control
    mean = float(signs.mean())
    se = float(signs.std(ddof=1) / np.sqrt(len(signs))) if len(signs) > 1 else float("nan")
    half = float(half_width(se, mixture_variance(planned_se(PLANNED_PREFERENCE))))
    p = float(stats.binomtest(challenger, decided).pvalue) if decided else 1.0
    return Preference(challenger, control, len(signs) - decided, mean, (mean - half, mean + half), p)


def signs_of(slates: pl.DataFrame, events: pl.DataFrame, control: str, challenger: str) -> I64:
    """Each user's sign (users,), 0 for those who clicked nothing drafted. `slates` are those that count, with n, key,
    request_id, rows and drafted; a click on nobody's pick is nobody's point, and two on one item are one.
    """
    picks = slates.filter(pl.col("drafted").list.len() == pl.col("rows").list.len())
    picks = picks.select("n", "user_id", "request_id", pl.col("rows").alias("row"), "drafted").explode("row", "drafted")
    clicks = events.filter(pl.col("action") == int(Action.CLICK)).select("user_id", "request_id", "row").unique()
    points = picks.join(clicks, on=["user_id", "request_id", "row"], how="semi")
    lead = (pl.col("drafted") == challenger).cast(pl.Int64) - (pl.col("drafted") == control).cast(pl.Int64)
    led = points.group_by("n").agg(lead.sum().sign().alias("sign"))
    everyone = slates.select("n").unique().join(led, on="n", how="left").sort("n")
    return everyone["sign"].fill_null(0).to_numpy().astype(np.int64)
