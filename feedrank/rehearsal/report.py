"""The closed loop as a page: whether the service reaches what is wanted, day by day, beside every simpler way.

Knows nothing of how the figures came about.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import plotly.graph_objects as go

from feedrank.analysis.page import Callout, Cell, Code, Page, Plot, Section, Status, Table, Text
from feedrank.analysis.theme import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, SKY, VERMILION
from feedrank.rehearsal.loop import FREE_SUFFIX, ORACLE, SERVICE, TRENDING, Plan, SeedRun
from feedrank.rehearsal.measures import LIFT_WANTED, SHARE_WANTED, Ratio, arms, ratio, verdict
from feedrank.training.bootstrap import Interval

COLOURS = {
    SERVICE: INK,
    ORACLE: GREEN,
    TRENDING: VERMILION,
    "newest": ORANGE,
    "logging": PURPLE,
    "random": SKY,
}
RULES = """Every arm meets the same readers at the same times, under the same draws, in the same worlds: the \
simulator's default world but for its seed. Every arm may show the same articles: published, not expired, not older \
than 72 hours, in a language the reader reads, allowed in the region; not read or hidden before, not shown in this \
session, not shown three times before.

A feed tells a story once, in its newest telling. The service finds out by the likeness of texts what one story is; \
the other arms are told. Arms marked “any telling” do not follow this rule.

The oracle knows every reader's true probability to click an article that is looked at, and orders by it. It does not \
know which stories the reader has read already."""


def page(plan: Plan, runs: Sequence[SeedRun], command: str) -> Page:
    """The whole report."""
    found = verdict(runs, plan.days)
    detail = (
        f"On day {plan.days}, the service gets {found.lift.mean:.2f} times the clicks per session of trending "
        f"{_interval(found.lift)}, where {LIFT_WANTED} is wanted, and {found.share.mean:.1%} of the oracle's "
        f"{_percent(found.share)}, where {SHARE_WANTED:.0%} is wanted. Intervals are of 95% over {len(runs)} seeds."
    )
    headline = "Both targets are reached" if found.reached else "Not both targets are reached"
    world = plan.world
    return Page(
        "The closed loop",
        "A service that starts empty, serves, logs and retrains every night",
        (
            ("worlds", f"{len(runs)}: seeds {', '.join(str(seed) for seed in plan.seeds)}"),
            ("each", f"{world.users:,} readers, {world.items:,} articles over {world.days} days"),
            ("days played", str(plan.days)),
            ("text vectors", plan.encoder),
            ("code", ", ".join(sorted({run.commit[:12] or "unknown" for run in runs}))),
        ),
        (
            Section(
                "What came of it",
                (
                    Callout(Status.GOOD if found.reached else Status.WARNING, headline, detail),
                    _arms_plot(runs, plan.days),
                    _table(runs, plan.days),
                ),
            ),
            Section("Against trending and the oracle", tuple(_ratio_plot(runs, other, plan.days) for other in _WANTED)),
            Section("Seed by seed", (_seeds(runs, plan.days), _nights(runs))),
            Section("What every arm obeys", (Text(RULES), _eligibility(runs))),
            Section("Again", (Code(command),)),
        ),
    )


_WANTED = {TRENDING: LIFT_WANTED, ORACLE: SHARE_WANTED}


def _days(days: int) -> list[int]:
    return list(range(1, days + 1))


def _bars(intervals: Iterable[Interval]) -> dict[str, object]:
    half = [i.high - i.mean for i in intervals]
    return {"type": "data", "array": [0.0 if np.isnan(h) else h for h in half], "thickness": 1.2, "width": 4}


def _arms_plot(runs: Sequence[SeedRun], days: int) -> Plot:
    figure = go.Figure()
    for arm in arms(runs, days):
        plain = arm.name.removesuffix(FREE_SUFFIX)
        free = plain != arm.name
        figure.add_scatter(
            x=_days(days),
            y=[i.mean for i in arm.days],
            name=arm.name,
            mode="lines+markers",
            error_y=None if free else _bars(arm.days),
            line={
                "color": COLOURS[plain],
                "width": 3.5 if arm.name == SERVICE else 1.8,
                "dash": "dot" if free else "solid",
            },
            marker={"size": 8 if arm.name == SERVICE else 5},
        )
    figure.update_layout(height=460, legend={"orientation": "v", "x": 1.02, "y": 1.0, "yanchor": "top"})
    figure.update_xaxes(title="day", dtick=1)
    figure.update_yaxes(title="clicks per session", rangemode="tozero")
    return Plot(figure, f"Means over {len(runs)} seeds with 95% intervals. The service has no model on day 1.")


def _ratio_plot(runs: Sequence[SeedRun], other: str, days: int) -> Plot:
    found, figure = ratio(runs, other, days), go.Figure()
    for run in runs:
        figure.add_scatter(
            x=_days(days),
            y=[i.mean for i in found.by_seed[run.seed]],
            name=f"seed {run.seed}",
            mode="lines",
            line={"color": MUTED, "width": 1},
            opacity=0.5,
            showlegend=False,
        )
    figure.add_scatter(
        x=_days(days),
        y=[i.mean for i in found.days],
        name="mean over seeds",
        mode="lines+markers",
        error_y=_bars(found.days),
        line={"color": BLUE, "width": 3},
    )
    figure.add_hline(
        y=_WANTED[other],
        line={"color": VERMILION, "dash": "dash"},
        annotation_text="wanted",
        annotation_position="top left",
    )
    figure.update_layout(showlegend=False, height=320)
    figure.update_xaxes(title="day", dtick=1)
    figure.update_yaxes(title=f"service / {other}", rangemode="tozero")
    return Plot(figure, f"Clicks per session of the service over those of {other}; thin lines are single seeds.")


def _table(runs: Sequence[SeedRun], days: int) -> Table:
    found = arms(runs, days)
    rows: list[list[Cell]] = [
        [arm.name, *(f"{i.mean:.2f} {_interval(i)}" for i in arm.days), f"{arm.total.mean:.2f}"] for arm in found
    ]
    strong = frozenset(i for i, arm in enumerate(found) if arm.name == SERVICE)
    columns = ["clicks per session", *(f"day {day}" for day in _days(days)), "all"]
    return Table(columns, rows, "Means over seeds with 95% intervals.", strong=strong)


def _seeds(runs: Sequence[SeedRun], days: int) -> Table:
    lift, share = (ratio(runs, other, days) for other in _WANTED)
    rows: list[list[Cell]] = [
        [
            run.seed,
            len(run.arms[SERVICE].users),
            _last(lift, run.seed),
            _last(share, run.seed),
            f"{run.rank_ms[0]:.1f}",
            f"{run.rank_ms[1]:.1f}",
            run.degraded,
        ]
        for run in runs
    ]
    columns = ["seed", "sessions", "over trending", "of the oracle", "Rank p50 ms", "p95 ms", "degraded"]
    return Table(columns, rows, f"Day {days}, with 95% intervals over the users of each world.")


def _last(found: Ratio, seed: int) -> str:
    last = found.by_seed[seed][-1]
    return f"{last.mean:.2f} {_interval(last)}"


def _nights(runs: Sequence[SeedRun]) -> Table:
    rows: list[list[Cell]] = [
        [run.seed, number, night.impressions, night.rows, night.features, night.trees, night.auc, round(night.seconds)]
        for run in runs
        for number, night in enumerate(run.nights, 1)
    ]
    columns = ["seed", "night", "slates with a click", "rows", "features", "trees", "AUC", "seconds"]
    return Table(columns, rows, "What each night trained on. AUC is on the last slates before that night.")


def _eligibility(runs: Sequence[SeedRun]) -> Table:
    rows: list[list[Cell]] = [
        [
            name,
            sum(int(run.arms[name].feeds.sum()) for run in runs),
            sum(run.arms[name].ineligible for run in runs),
        ]
        for name in runs[0].arms
    ]
    return Table(("arm", "feeds", "articles served against the rules"), rows, "Counted, not assumed.")


def _interval(interval: Interval) -> str:
    return "" if np.isnan(interval.low) else f"[{interval.low:.2f}, {interval.high:.2f}]"


def _percent(interval: Interval) -> str:
    return "" if np.isnan(interval.low) else f"[{interval.low:.1%}, {interval.high:.1%}]"
