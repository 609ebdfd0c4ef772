"""A comparison as a page: the verdict, the table, slices, agreement, and example feeds side by side.

Knows nothing of how figures are found.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from feedrank.analysis.compare.agreement import TOP
from feedrank.analysis.compare.comparison import FEWEST_USERS, Comparison, Effect, Part
from feedrank.analysis.compare.disagreements import FEWEST_ITEMS, Feeds, Place
from feedrank.analysis.page import Block, Callout, Cell, Code, Page, Plot, Section, Status, Table, Text
from feedrank.training.slices import METRICS
from feedrank.training.times import format_time
from feedrank.types import SECOND

NAMES = dict(zip(METRICS, ("AUC", "MRR", "nDCG@5", "nDCG@10"), strict=True))
ALPHA = 0.05
SLICED = ("auc", "ndcg@10")  # the metrics that slices are shown in
BINS = 40  # of the histogram of tau


def report(comparison: Comparison, command: str) -> Page:
    """The page of a comparison; `command` is what made it."""
    found, whole = comparison.found, comparison.whole
    start, until = (format_time(int(found.data.times[i])) for i in (0, -1))
    facts = [
        ("A", found.a.reference),
        ("B", found.b.reference),
        ("Impressions", f"{whole.impressions:,} with a clicked and an unclicked item, {start} to {until} UTC"),
        (
            "Users",
            f"{whole.users:,}, worth {found.effective_users():,.0f} equally active ones",
        ),
        ("Past", f"replayed from the log, item counters {found.counter_delay / SECOND:g} s late, for both alike"),
    ]
    return Page(
        f"{_short(found.a.reference)} against {_short(found.b.reference)}",
        "Two models on the same replayed impressions. Differences are A minus B.",
        facts,
        [
            Section("Verdict", [_verdict(comparison), *_warnings(comparison), _whole(whole), Text(_HOW)]),
            Section("By slice", list(_slices(comparison))),
            Section("How alike the two are", list(_alike(comparison))),
            *_feeds(comparison),
            Section("Made by", [Code(command)]),
        ],
    )


_HOW = (
    "Intervals are 95% percentile intervals of the paired bootstrap over users: whole users are drawn, for both models "
    "alike. p is that of a two-sided permutation test over users, which swaps the two models for all impressions of a "
    "user at once. Holm's correction keeps the chance of any false alarm in a table at the level one p is held to.\n\n"
    "Both models are judged on what readers were shown, which for a service's own log the serving model chose. A model "
    "that would have shown other items is judged only on its order of these: whether readers like its own feeds "
    "better, an experiment says."
)


def _short(reference: str) -> str:
    return reference.partition("@")[0]


def _verdict(comparison: Comparison) -> Callout:
    effect = comparison.whole.effects["auc"]
    detail = f"AUC {effect.a:.4f} against {effect.b:.4f}: {_span(effect)}, p {_p(effect.p_holm)} after Holm."
    if not effect.difference.excludes_zero or effect.p_holm >= ALPHA:
        return Callout(Status.NOTE, "No difference is proven", detail)
    better, letter = (comparison.found.a, "A") if effect.difference.mean > 0 else (comparison.found.b, "B")
    return Callout(Status.GOOD, f"{letter} ranks better: {better.reference}", detail)


def _warnings(comparison: Comparison) -> list[Callout]:
    return [
        Callout(Status.WARNING, "Bear in mind", warning[:1].upper() + warning[1:] + ".")
        for warning in comparison.warnings
    ]


def _whole(whole: Part) -> Table:
    rows: list[Sequence[Cell]] = [
        (NAMES[name], e.a, e.b, f"{e.difference.mean:+.4f}", _ends(e), _p(e.p), _p(e.p_holm))
        for name, e in whole.effects.items()
    ]
    caption = "Means over impressions with both labels. The last column corrects over the four metrics."
    return Table(("", "A", "B", "A \N{MINUS SIGN} B", "95% interval", "p", "p (Holm)"), rows, caption, 4)


def _slices(comparison: Comparison) -> list[Block]:
    parts = comparison.parts
    if not parts:
        return [Text(f"No slicing of these impressions has two groups of at least {FEWEST_USERS} users.")]
    blocks: list[Block] = [_forest(comparison)]
    for metric in SLICED:
        rows: list[Sequence[Cell]] = []
        strong: set[int] = set()
        for i, part in enumerate(parts):
            e = part.effects[metric]
            rows.append(
                (
                    part.slice,
                    part.value,
                    part.impressions,
                    part.users,
                    e.a,
                    e.b,
                    f"{e.difference.mean:+.4f}",
                    _ends(e),
                    _p(e.p_holm),
                )
            )
            if e.p_holm < ALPHA:
                strong.add(i)
        columns = ("slice", "group", "impressions", "users", "A", "B", "A \N{MINUS SIGN} B", "95% interval", "p (Holm)")
        caption = f"{NAMES[metric]} by slice. In bold: what holds after Holm's correction over the {len(parts)} rows."
        blocks.append(Table(columns, rows, caption, 4, frozenset(strong)))
    if comparison.left_out:
        blocks.append(Text(f"{comparison.left_out} groups of fewer than {FEWEST_USERS} users are left out."))
    return blocks


def _forest(comparison: Comparison) -> Plot:
    """The difference in AUC of every slice with its interval, the whole on top."""
    rows = [comparison.whole, *comparison.parts]
    effects = [part.effects["auc"] for part in rows]
    means = [e.difference.mean for e in effects]
    figure = go.Figure(
        go.Scatter(
            x=means,
            y=[part.value if part.slice == "all" else f"{part.slice}: {part.value}" for part in rows],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [e.difference.high - e.difference.mean for e in effects],
                "arrayminus": [e.difference.mean - e.difference.low for e in effects],
            },
            mode="markers",
            hovertemplate="%{y}: %{x:+.4f}<extra></extra>",
        )
    )
    figure.add_vline(x=0.0, line_width=1)
    figure.update_layout(height=140 + 24 * len(rows), xaxis_title="AUC, A minus B", showlegend=False)
    figure.update_yaxes(autorange="reversed", automargin=True, dtick=1)
    return Plot(figure, "Difference in AUC with its 95% interval, uncorrected. Right of the line, A ranks better.")


def _alike(comparison: Comparison) -> list[Block]:
    alike = comparison.alike
    tau = alike.tau[~np.isnan(alike.tau)]
    rows: list[Sequence[Cell]] = [
        ("Kendall's tau-b of the two orders, mean", float(tau.mean()) if len(tau) else None),
        (f"items that both have in their first {TOP}, mean share", float(alike.overlap.mean())),
        ("impressions with the same item first", float(alike.same_first.mean())),
    ]
    figure = go.Figure(go.Histogram(x=tau, xbins={"start": -1.0, "end": 1.0 + 2.0 / BINS, "size": 2.0 / BINS}))
    figure.update_layout(height=300, xaxis_title="Kendall's tau-b", yaxis_title="impressions", showlegend=False)
    return [Table(("", "value"), rows), Plot(figure, "1: the same order; 0: as good as unrelated; -1: the reverse.")]


def _feeds(comparison: Comparison) -> list[Section]:
    kinds = (
        (
            "Where they disagree most",
            f"Impressions of at least {FEWEST_ITEMS} items whose two orders are least alike, one a user.",
            comparison.examples.least_alike,
        ),
        (
            "Where A is furthest ahead",
            "Impressions on which A's AUC exceeds B's by most, one a user.",
            comparison.examples.a_ahead,
        ),
        (
            "Where B is furthest ahead",
            "Impressions on which B's AUC exceeds A's by most, one a user.",
            comparison.examples.b_ahead,
        ),
    )
    return [
        Section(title, [Text(told), *map(_side_by_side, feeds)] if feeds else [Text("There is none.")])
        for title, told, feeds in kinds
    ]


def _side_by_side(feeds: Feeds) -> Table:
    rows: list[Sequence[Cell]] = [
        (i + 1, _told(a), _told(b)) for i, (a, b) in enumerate(zip(feeds.a, feeds.b, strict=True))
    ]
    auc_a, auc_b = feeds.auc
    caption = (
        f"{format_time(feeds.time)} UTC, {feeds.items} items, tau {feeds.tau:+.2f}, AUC {auc_a:.2f} for A and "
        f"{auc_b:.2f} for B. {_CLICK} was clicked."
    )
    return Table(("", "in A's order (score)", "in B's order (score)"), rows, caption)


_CLICK = "\N{BLACK RIGHT-POINTING TRIANGLE}"


def _told(place: Place) -> str:
    category = f" \N{MIDDLE DOT} {place.category}" if place.category else ""
    return f"{_CLICK + ' ' if place.clicked else ''}{place.title}{category} ({place.score:.2f})"


def _span(effect: Effect) -> str:
    return f"{effect.difference.mean:+.4f} ({_ends(effect)})"


def _ends(effect: Effect) -> str:
    return f"{effect.difference.low:+.4f} to {effect.difference.high:+.4f}"


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
