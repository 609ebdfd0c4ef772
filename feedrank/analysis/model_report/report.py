"""One model on one page: what it was trained on, how it ranks beside the baselines, on what, for whom, and how surely.

Knows nothing of logs or terminals.
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from feedrank.analysis.model_report.audit_sections import audit_sections
from feedrank.analysis.model_report.findings import Findings
from feedrank.analysis.model_report.reliability import reliability_figure
from feedrank.analysis.model_report.spans import AROUND_ROWS, ROW_HEIGHT, error_bars, spread
from feedrank.analysis.page import Block, Callout, Cell, Code, Page, Plot, Section, Status, Table, Text
from feedrank.analysis.theme import BLUE, MUTED
from feedrank.registry import Manifest
from feedrank.training.bootstrap import Interval
from feedrank.training.calibrate import Reliability
from feedrank.training.importance import Importance
from feedrank.training.judge import Judgement
from feedrank.training.metrics import Metrics
from feedrank.training.slices import METRICS, Slice
from feedrank.training.times import format_time
from feedrank.types import SECOND

MODEL = "this model"
MOST_FEATURES = 25  # in the figure; the table holds all


def model_page(found: Findings, command: str) -> Page:
    """The report as a page; `command` gives it again."""
    sections = [
        Section("Result", _result(found)),
        Section("Protocol", _protocol(found, command)),
        Section("Slices", _slices(found.verdict.slices)),
        *([Section("What the model looks at", _importances(found.importances))] if found.importances else []),
        Section("Curves", _curves(found)),
        Section("Click probability", _probability(found.verdict.reliability)),
        *audit_sections(found.audit),
        *([Section("Training", _training(found.manifest))] if found.manifest else []),
    ]
    period = f"{format_time(found.first)} to {format_time(found.last)}"
    facts = [
        ("model", found.verdict.reference),
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
    return Page(f"Model report: {found.verdict.reference}", subtitle, facts, sections)


def _result(found: Findings) -> list[Block]:
    verdict = found.verdict
    blocks: list[Block] = [Callout(Status.WARNING, f"Bear in mind: {warning}") for warning in verdict.warnings]
    judgement = verdict.judgement
    name, best = min(judgement.baselines.items(), key=lambda entry: entry[1].auc_gain.mean)
    ahead, gain = best.auc_gain.low > 0, best.auc_gain
    low, high = judgement.auc_interval
    blocks.append(
        Callout(
            Status.GOOD if ahead else Status.WARNING,
            f"AUC {judgement.metrics.auc:.3f} ({low:.3f} to {high:.3f}), "
            f"{'ahead of' if ahead else 'not proven ahead of'} every baseline",
            f"Over the best of them, {name}, it gains {gain.mean:.3f} ({spread(gain)}, paired).",
        )
    )
    caption = "Means over impressions with both labels; intervals are 95%, bootstrap over users, gains paired."
    blocks.append(_standing(judgement, f"As shown: the published protocol. {caption}"))
    if verdict.padded is not None:
        blocks.append(
            _standing(
                verdict.padded,
                "The form that is served: a third of the same impressions, padded with items live at that moment; what "
                "was shown is judged.",
            )
        )
    return blocks


def _standing(judgement: Judgement, caption: str) -> Table:
    low, high = judgement.auc_interval
    rows: list[list[Cell]] = [[MODEL, *_metrics(judgement.metrics), f"{low:.3f} to {high:.3f}", "", ""]]
    for name, beaten in sorted(judgement.baselines.items(), key=lambda entry: -entry[1].metrics.auc):
        rows.append([name, *_metrics(beaten.metrics), "", f"{beaten.auc_gain.mean:+.3f}", spread(beaten.auc_gain)])
    columns = ("", "AUC", "MRR", "nDCG@5", "nDCG@10", "AUC 95%", "model's gain", "95%")
    return Table(columns, rows, caption, strong=frozenset({0}))


def _metrics(metrics: Metrics) -> tuple[float, float, float, float]:
    return metrics.auc, metrics.mrr, metrics.ndcg_5, metrics.ndcg_10


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
    name, stretches = found.over_time
    spans = [stretch.auc for stretch in stretches]
    starts = [np.datetime64(stretch.start, "us") for stretch in stretches]
    blocks: list[Block] = [Plot(_line(starts, spans, "time (UTC)"), f"AUC by {name} of the judged period.")]
    if found.verdict.curve:
        judged = [point.judgement for point in found.verdict.curve]
        names = [point.name for point in found.verdict.curve]
        aucs = [Interval(j.metrics.auc, *j.auc_interval) for j in judged]
        rows: list[list[Cell]] = [
            [view, *_metrics(j.metrics), spread(auc)] for view, j, auc in zip(names, judged, aucs, strict=True)
        ]
        blocks += [
            Plot(
                _line(names, aucs, "how old the past is"),
                "AUC of the same model, by how late item counters and co-engagement are; F: everything frozen at the "
                "last midnight before the period.",
            ),
            Table(("view", "AUC", "MRR", "nDCG@5", "nDCG@10", "AUC 95%"), rows),
        ]
    return blocks


def _probability(measured: Reliability | None) -> list[Block]:
    if measured is None or not len(measured.rows):
        return [Text("This model gives no click probability: its margins order candidates and mean nothing else.")]
    bins = zip(measured.predicted.tolist(), measured.observed.tolist(), measured.rows.tolist(), strict=True)
    rows: list[list[Cell]] = [[i + 1, said, share, int(n)] for i, (said, share, n) in enumerate(bins)]
    head = Text(
        f"Expected calibration error {measured.expected_error:.4f}, over {len(rows)} bins of about equally many rows, "
        "in the form that is served."
    )
    return [head, Plot(reliability_figure(measured)), Table(("bin", "predicted", "clicked", "rows"), rows, decimals=4)]


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


def _line(xs: Sequence[object], spans: Sequence[Interval], title: str) -> go.Figure:
    figure = go.Figure(layout={"showlegend": False})
    figure.add_scatter(
        x=list(xs), y=[s.mean for s in spans], mode="markers+lines", line={"color": BLUE}, error_y=error_bars(spans)
    )
    figure.update_xaxes(title=title)
    figure.update_yaxes(title="AUC")
    return figure
