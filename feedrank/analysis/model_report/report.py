"""One model on one page: what it was trained on, how it ranks beside the baselines, on what, for whom, and how surely.

Knows nothing of logs or terminals.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from feedrank.analysis.model_report.audit_sections import audit_sections
from feedrank.analysis.model_report.findings import Findings
from feedrank.analysis.model_report.reliability import Reliability, reliability_figure
from feedrank.analysis.model_report.spans import AROUND_ROWS, ROW_HEIGHT, error_bars, spread
from feedrank.analysis.model_report.standing import Point
from feedrank.analysis.page import Block, Callout, Cell, Code, Page, Plot, Section, Status, Table, Text
from feedrank.analysis.theme import BLUE, MUTED
from feedrank.registry import Manifest
from feedrank.training.importance import Importance
from feedrank.training.slices import METRICS, Slice
from feedrank.training.times import format_time
from feedrank.types import SECOND

MOST_FEATURES = 25  # in the figure; the table holds all


def model_page(found: Findings, command: str) -> Page:
    """The report as a page; `command` gives it again."""
    sections = [
        Section("Result", _result(found)),
        Section("Protocol", _protocol(found, command)),
        Section("Slices", _slices(found.slices)),
        *([Section("What the model looks at", _importances(found.importances))] if found.importances else []),
        Section("Curves", _curves(found)),
        Section("Click probability", _probability(found.reliability)),
        *audit_sections(found.audit),
        *([Section("Training", _training(found.manifest))] if found.manifest else []),
    ]
    period = f"{format_time(found.first)} to {format_time(found.last)}"
    facts = [
        ("model", found.reference),
        ("judged on", period),
        ("impressions", f"{found.impressions:,} of {found.users:,} users"),
        ("counter delay", f"{found.counter_delay_s:g} s"),
    ]
    if found.manifest is not None:
        data = found.manifest.data
        facts += [
            ("trained on", f"{format_time(data.start)} to {format_time(data.until)}"),
            ("training impressions", f"{data.impressions:,} ({data.rows:,} rows)"),
            ("features", str(len(found.manifest.features))),
            ("code", found.manifest.git_commit[:12] or "unknown"),
        ]
    subtitle = "How it ranks beside the baselines, on what, for whom, and how surely"
    return Page(f"Model report: {found.reference}", subtitle, facts, sections)


def _result(found: Findings) -> list[Block]:
    model, *others = found.standings
    blocks: list[Block] = [Callout(Status.WARNING, warning) for warning in found.warnings]
    best = others[0]
    if best.behind is not None:
        ahead = best.behind.high < 0
        auc, gap = model.metrics[0], best.behind
        blocks.append(
            Callout(
                Status.GOOD if ahead else Status.WARNING,
                f"AUC {auc.mean:.3f} ({spread(auc)}), {'ahead of' if ahead else 'not proven ahead of'} every baseline",
                f"The best, {best.name}, is {-gap.mean:.3f} behind ({-gap.high:.3f} to {-gap.low:.3f}, paired).",
            )
        )
    rows: list[list[Cell]] = []
    for each in found.standings:
        auc, mrr, ndcg_5, ndcg_10 = each.metrics
        values = (auc.mean, spread(auc), mrr.mean, ndcg_5.mean, ndcg_10.mean, spread(ndcg_10))
        behind = "" if each.behind is None else f"{each.behind.mean:+.3f} ({spread(each.behind)})"
        rows.append([each.name, *values, behind])
    columns = ("", "AUC", "95%", "MRR", "nDCG@5", "nDCG@10", "95%", "AUC less the model's")
    caption = "Means over impressions with both labels; intervals are 95%, bootstrap over users, differences paired."
    return [*blocks, Table(columns, rows, caption, strong=frozenset({0}))]


def _protocol(found: Findings, command: str) -> list[Block]:
    return [
        Text(
            "Every impression is replayed through the fold and the feature function that serve: items, counters and "
            f"co-engagement as they were visible strictly before it, imported events {found.counter_delay_s:g} s late, "
            "the user's own history strictly earlier; events of the same instant are not yet visible. Judged is what "
            "was seen of each impression.\n\n"
            "AUC is the mean per-impression ROC-AUC, MRR sum(label / rank) / sum(label), nDCG@k has gain 2^label - 1 "
            "and discount log2(rank + 1); ties take their expected value. This is what MIND's official scorer means."
        ),
        Code(command),
    ]


def _slices(slices: Sequence[Slice]) -> list[Block]:
    rows: list[list[Cell]] = []
    for each in slices:
        auc, mrr, _, ndcg_10 = (each.intervals[key] for key in METRICS)
        values = (auc.mean, spread(auc), mrr.mean, ndcg_10.mean, spread(ndcg_10))
        rows.append([each.name, each.value, each.impressions, each.users, *values])
    columns = ("by", "group", "impressions", "users", "AUC", "95%", "MRR", "nDCG@10", "95%")
    labels = [f"{each.name}: {each.value}" for each in slices]
    figure = go.Figure(layout={"height": ROW_HEIGHT * len(labels) + AROUND_ROWS, "showlegend": False})
    spans = [each.intervals["auc"] for each in slices]
    figure.add_scatter(
        x=[span.mean for span in spans],
        y=labels,
        mode="markers",
        marker={"color": BLUE, "size": 9},
        error_x=error_bars(spans),
    )
    if spans:
        figure.add_vline(x=spans[0].mean, line={"color": MUTED, "width": 1, "dash": "dash"})
    figure.update_xaxes(title="AUC, with its 95% interval over users")
    figure.update_yaxes(autorange="reversed", type="category")
    return [Plot(figure, "The dashed line is the whole."), Table(columns, rows, strong=frozenset({0}))]


def _importances(importances: Sequence[Importance]) -> list[Block]:
    shown = importances[:MOST_FEATURES]
    figure = go.Figure(layout={"height": ROW_HEIGHT * len(shown) + AROUND_ROWS, "showlegend": False})
    figure.add_bar(x=[i.shap for i in shown], y=[i.feature for i in shown], orientation="h", marker={"color": BLUE})
    figure.update_xaxes(title="mean |SHAP|, points of margin")
    figure.update_yaxes(autorange="reversed", type="category")
    rows: list[list[Cell]] = [[i.feature, i.shap, f"{i.gain:.1%}"] for i in importances]
    text = Text(
        "Mean |SHAP| is how far a feature moves a candidate's margin on average (Lundberg, Lee, NeurIPS 2017), on a "
        "sample of the judged rows; gain is its share of what all splits gained in training. Neither says what the "
        "model would lose without the feature."
    )
    return [text, Plot(figure), Table(("feature", "mean |SHAP|", "gain"), rows)]


def _curves(found: Findings) -> list[Block]:
    name, points = found.over_time
    blocks: list[Block] = [
        Plot(
            _line([np.datetime64(int(p.at), "us") for p in points], points, "time (UTC)"),
            f"AUC by {name} of the judged period.",
        )
    ]
    if len(found.delays) > 1:
        seconds = [p.at for p in found.delays]
        rows: list[list[Cell]] = [[f"{p.at:g} s", p.auc.mean, spread(p.auc), p.impressions] for p in found.delays]
        blocks += [
            Plot(
                _line([f"{s:g} s" for s in seconds], found.delays, "item counters late by"),
                "AUC of the same model, by how late item counters and co-engagement are.",
            ),
            Table(("delay", "AUC", "95%", "impressions"), rows),
        ]
    return blocks


def _probability(measured: Reliability | None) -> list[Block]:
    if measured is None:
        return [Text("This model gives no click probability: its margins order candidates and mean nothing else.")]
    rows: list[list[Cell]] = [
        [i + 1, said, share, int(n)]
        for i, (said, share, n) in enumerate(
            zip(measured.said.tolist(), measured.found.tolist(), measured.rows.tolist(), strict=True)
        )
    ]
    head = Text(f"Expected calibration error {measured.error:.4f}, over {len(rows)} bins of equally many rows.")
    return [head, Plot(reliability_figure(measured)), Table(("bin", "said", "clicked", "rows"), rows, decimals=4)]


def _training(manifest: Manifest) -> list[Block]:
    rows: list[tuple[str, str]] = [
        ("made at", format_time(manifest.created_at // SECOND * SECOND)),
        ("vector space", manifest.space or "none"),
        ("counter delay", f"{manifest.counter_delay_s:g} s"),
        *((f"metric {name}", f"{value:.4f}") for name, value in sorted(manifest.metrics.items())),
        *((f"parameter {name}", str(value)) for name, value in sorted(manifest.params.items())),
        *((f"library {name}", value) for name, value in sorted(manifest.libraries.items())),
        ("notes", manifest.notes),
    ]
    return [Table(("of the manifest", "value"), rows)]


def _line(xs: Sequence[object], points: Sequence[Point], title: str) -> go.Figure:
    figure = go.Figure(layout={"showlegend": False})
    spans = [point.auc for point in points]
    figure.add_scatter(
        x=list(xs), y=[s.mean for s in spans], mode="markers+lines", line={"color": BLUE}, error_y=error_bars(spans)
    )
    figure.update_xaxes(title=title)
    figure.update_yaxes(title="AUC")
    return figure
