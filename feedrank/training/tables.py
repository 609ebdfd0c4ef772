"""A verdict as tables at the terminal. Knows nothing of how it was reached."""

from rich.console import Console
from rich.table import Table

from feedrank.training.bootstrap import Interval
from feedrank.training.evaluate import Verdict
from feedrank.training.judge import Judgement
from feedrank.training.metrics import Metrics

HEADINGS = ("AUC", "MRR", "nDCG@5", "nDCG@10")


def show(verdict: Verdict, slices: bool, console: Console) -> None:
    """Prints the model beside its baselines, and what else the verdict holds; slices only if asked for."""
    judgement = verdict.judgement
    table = _table("", *HEADINGS, "AUC gain of the model (95%)")
    _add(table, f"{verdict.reference}, as shown", judgement, bold=True)
    if verdict.padded is not None:
        _add(table, "the same, beside what else would be scored", verdict.padded, bold=True)
    for name, baseline in judgement.baselines.items():
        table.add_row(name, *_figures(baseline.metrics), _span(baseline.auc_gain, signed=True))
    console.print(table)
    _tell(f"{judgement.metrics.impressions:,} impressions with both labels, as shown; {_auc(judgement)}", console)
    if verdict.padded is not None:
        _tell(
            f"{verdict.padded.metrics.impressions:,} of them padded to what is scored; {_auc(verdict.padded)}", console
        )
    if verdict.reliability is not None:
        _tell(f"expected calibration error of click_probability: {verdict.reliability.expected_error:.4f}", console)
    if verdict.curve:
        table = _table("view of the past", *HEADINGS, "AUC (95%)")
        for point in verdict.curve:
            low, high = point.judgement.auc_interval
            table.add_row(point.name, *_figures(point.judgement.metrics), f"{low:.4f} to {high:.4f}")
        console.print(table)
    if slices:
        table = _table("slice", *HEADINGS, "AUC (95%)", "impressions", "users")
        for part in verdict.slices:
            counts = (f"{part.impressions:,}", f"{part.users:,}")
            table.add_row(f"{part.name}: {part.value}", *_figures(part.metrics), _span(part.intervals["auc"]), *counts)
        console.print(table)


def _table(first: str, *headings: str) -> Table:
    table = Table(first, *headings)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _add(table: Table, name: str, judgement: Judgement, bold: bool) -> None:
    table.add_row(name, *_figures(judgement.metrics), "", style="bold" if bold else "")


def _figures(metrics: Metrics) -> list[str]:
    return [f"{value:.4f}" for value in (metrics.auc, metrics.mrr, metrics.ndcg_5, metrics.ndcg_10)]


def _span(interval: Interval, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{interval.low:{sign}.4f} to {interval.high:{sign}.4f}"


def _auc(judgement: Judgement) -> str:
    low, high = judgement.auc_interval
    return f"AUC 95% interval over users {low:.4f} to {high:.4f}"


def _tell(line: str, console: Console) -> None:
    console.print(line, highlight=False, soft_wrap=True)
