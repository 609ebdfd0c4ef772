"""Judges retrieval on a stretch of the log: recall of the next click, source by source and together."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from feedrank.analysis.page import check_report_path, write_page
from feedrank.analysis.retrieval_report import retrieval_page
from feedrank.settings import Settings, SourceQuotas
from feedrank.training.console import console_for, opened, reported_errors, watching, write_json
from feedrank.training.period import AUTO_SPACE, END
from feedrank.training.retrieval.judge import Inquiry, RetrievalVerdict, as_json, judge_retrieval
from feedrank.training.times import parse_time
from feedrank.types import SECOND

SHOWN = (10, 100, 500)  # depths at the terminal; the report and the JSON have more

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    start: Annotated[str, typer.Option("--from", help="Judge by clicks from here on (ISO; UTC).")],
    until: Annotated[str | None, typer.Option(help="... and before this; nothing later is looked at.")] = None,
    k: Annotated[int, typer.Option(min=10, max=5_000, help="Candidates wanted of all sources together.")] = 500,
    sample: Annotated[int, typer.Option(min=1, help="Clicks to judge by, drawn evenly over the period.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Of the draw and of the bootstrap.")] = 1,
    space: Annotated[
        str, typer.Option(help='The vector space; "auto": the one most items have a vector in, "": none.')
    ] = AUTO_SPACE,
    counter_delay: Annotated[
        float, typer.Option(min=0, help="Seconds by which item counters lag behind imported events.")
    ] = 0.0,
    answering: Annotated[bool, typer.Option("--answering", help="Only clicks that answer a view.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report here.", dir_okay=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.", dir_okay=False)] = None,
) -> None:
    """Play the log back and ask every source, just before each click, for what it would have brought.

    Quotas are those of the settings (FEEDRANK_QUOTAS__SIMILAR=200 and so on).
    """
    with reported_errors():
        console = console_for(json_file)
        if report is not None:
            check_report_path(report)
        inquiry = Inquiry(
            parse_time(start),
            parse_time(until) if until else END,
            k,
            sample,
            seed,
            _served(Settings(), k),
            space,
            round(counter_delay * SECOND),
            answering,
        )
        with opened(data_dir) as store, watching() as watch:
            verdict = judge_retrieval(store, inquiry, watch)
        _print(verdict, console)
        if report is not None:
            write_page(report, retrieval_page(verdict, data_dir.name))
        write_json(json_file, as_json(verdict))


def _served(settings: Settings, k: int) -> SourceQuotas:
    """The quotas that serve, in proportion where another number of candidates is asked for."""
    quotas = settings.quotas.model_dump()
    return SourceQuotas(**{name: quota * k // settings.candidates for name, quota in quotas.items()})


def _print(verdict: RetrievalVerdict, console: Console) -> None:
    depths = [depth for depth in verdict.sources[0].at if depth in SHOWN]
    table = Table("source", *(f"@{depth}" for depth in depths), "only here", "lost without", "ms")
    for source in verdict.sources:
        places = (f"{source.at[depth]:.3f}" for depth in depths)
        cells = (f"{source.only.mean:.3f}", f"{source.lost.mean:.3f}", f"{source.milliseconds:.2f}")
        table.add_row(source.name, *places, *cells)
    console.print(table)
    named = ", ".join(source.name for source in verdict.sources)
    table = Table("choice", named, "recall", "95%", "candidates")
    for split in verdict.splits:
        quotas = split.quotas.model_dump()
        table.add_row(
            split.name,
            " ".join(str(quotas[source.name]) for source in verdict.sources),
            f"{split.recall.mean:.4f}",
            f"{split.recall.low:.3f}-{split.recall.high:.3f}",
            f"{split.candidates:.0f}",
        )
    console.print(table)
    console.print(
        f"{verdict.judged:,} of {verdict.clicks:,} clicks judged; {verdict.repeats:,} drawn besides were on items read "
        f"before, {verdict.unnamed:,} judged ones on items no earlier record names; all sources to depth "
        f"{verdict.inquiry.k} hold {verdict.any_source:.4f}",
        highlight=False,
        soft_wrap=True,
    )


if __name__ == "__main__":
    app()
