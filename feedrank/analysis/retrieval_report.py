"""The page of a verdict on retrieval: what each source brings, alone and beyond the others, and which quotas to choose.

Knows nothing of how the verdict came to be.
"""

from collections.abc import Sequence

import plotly.graph_objects as go

from feedrank.analysis.page import NOTHING, Block, Callout, Cell, Page, Plot, Section, Status, Table, Text
from feedrank.training.bootstrap import Interval
from feedrank.training.period import END
from feedrank.training.retrieval.judge import RetrievalVerdict, SourceRecall
from feedrank.training.times import format_time
from feedrank.types import Micros

TOLD = (10, 100, 500)  # depths in the table; the curve has them all


def retrieval_page(verdict: RetrievalVerdict, data: str) -> Page:
    """The report on one verdict; `data` names the data directory."""
    asked = verdict.inquiry
    facts = [
        ("Data", data),
        ("Judged period", f"{format_time(asked.start)} until {_end(asked.until)}"),
        ("Clicks", f"{verdict.clicks:,} in the period, {verdict.drawn:,} drawn, {verdict.judged:,} judged"),
        ("Vector space", verdict.space or "none"),
        ("Intervals", "95%, bootstrap over users"),
    ]
    k = asked.k
    return Page(
        "Retrieval: recall of the next click",
        f"Would the clicked item have been among about {k} candidates, a moment before it was clicked?",
        facts,
        (
            Section("Verdict", _verdict(verdict)),
            Section(f"Each source, asked for {k}", _sources(verdict)),
            Section(f"Quotas for {k} candidates", (_quotas(verdict),)),
            Section("By history, age and session", (_slices(verdict),)),
        ),
    )


def _verdict(verdict: RetrievalVerdict) -> tuple[Block, ...]:
    k, sure = verdict.inquiry.k, verdict.together
    headline = f"The served quotas hold {_percent(sure)} of next clicks in {verdict.candidates:,.0f} candidates"
    share = verdict.unnamed / verdict.judged
    detail = (
        f"All sources to depth {k} hold {verdict.any_source:.1%} together, with more candidates than a request ranks. "
        f"{share:.1%} of the clicks are on items no earlier record names: no source can hold those."
    )
    protocol = (
        "The log is played back in time order. Just before each judged click every source that serves is asked for its "
        "candidates, over item state and the user's history of strictly earlier records. Clicks are drawn evenly over "
        f"the period. {verdict.repeats:,} of those drawn are on items the user had read or hidden before: a feed "
        "leaves them out by design, so they are not judged. What is missed here no ranker can mend."
    )
    return Callout(Status.NOTE, headline, detail), Text(protocol)


def _sources(verdict: RetrievalVerdict) -> tuple[Block, ...]:
    depths = list(verdict.sources[0].at)
    shown = [source for source in verdict.sources if source.brought > 0]
    told = [depth for depth in depths if depth in TOLD]
    columns = [
        "source",
        *(f"recall@{depth}" for depth in told),
        "95%",
        "only here",
        "lost without it",
        "candidates",
        "ms",
    ]
    rows = [_source_row(source, told) for source in shown]
    silent = [source.name for source in verdict.sources if source.brought == 0]
    caption = "“Only here”: clicks no other source holds at full depth. "
    caption += "“Lost without it”: what the union under the served quotas loses, its places left to what fills it."
    if silent:
        caption += f" Brought nothing in this log: {', '.join(silent)}."
    figure = go.Figure(
        [go.Scatter(x=depths, y=list(source.at.values()), name=source.name, mode="lines+markers") for source in shown]
    )
    figure.update_xaxes(title="candidates asked for", type="log", tickvals=depths, ticktext=[str(d) for d in depths])
    figure.update_yaxes(title="recall of the next click", tickformat=".0%", rangemode="tozero")
    return Table(columns, rows, caption), Plot(figure, "Recall by depth of each source alone.")


def _source_row(source: SourceRecall, depths: Sequence[int]) -> list[Cell]:
    return [
        source.name,
        *(source.at[depth] for depth in depths),
        _ends(source.alone),
        f"{source.only.mean:.3f}",
        f"{source.lost.mean:.3f} ({_ends(source.lost)})",
        f"{source.brought:.0f}",
        f"{source.milliseconds:.2f}",
    ]


def _quotas(verdict: RetrievalVerdict) -> Table:
    names = [source.name for source in verdict.sources]
    rows: list[list[Cell]] = []
    for i, split in enumerate(verdict.splits):
        quotas = split.quotas.model_dump()
        rows.append(
            [
                split.name,
                *(str(quotas[name]) for name in names),
                f"{split.candidates:.0f}",
                f"{split.recall.mean:.3f} ({_ends(split.recall)})",
                f"{split.against_served.mean:+.3f} ({_ends(split.against_served)})" if i else NOTHING,
            ]
        )
    caption = (
        "The served quotas, the best of every split on a grid, and extremes, as the pipeline's own union fills them. "
        "The last column is the difference from the served ones on the same clicks; choose quotas on a period before "
        "the one they are judged on."
    )
    columns = ["quotas", *names, "all", "recall (95%)", "against served (95%)"]
    return Table(columns, rows, caption, strong=frozenset({0}))


def _slices(verdict: RetrievalVerdict) -> Table:
    names = [source.name for source in verdict.sources if source.brought > 0]
    rows: list[list[Cell]] = [
        [s.name, s.clicks, s.together.mean, _ends(s.together), *(s.alone[name] for name in names)]
        for s in verdict.slices
    ]
    caption = f"Recall under the served quotas, and of each source alone at {verdict.inquiry.k}."
    return Table(["clicks", "judged", "together", "95%", *names], rows, caption)


def _end(until: Micros) -> str:
    return "the end of the log" if until == END else format_time(until)


def _percent(interval: Interval) -> str:
    return f"{interval.mean:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def _ends(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"
