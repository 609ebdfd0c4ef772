"""`python -m feedrank.analysis.off_policy`: what the feed would have earned without its exploration, from its slates.

Knows nothing of estimators.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from feedrank.analysis.off_policy.estimators import Method, estimate, on_policy
from feedrank.analysis.off_policy.overlap import measure_overlap
from feedrank.analysis.off_policy.report import overlap_json, value_json
from feedrank.analysis.off_policy.slates import decisions_of, read_places, without_exploration
from feedrank.training.console import console_for, opened, reported_errors, watching, write_json
from feedrank.training.facts import read_facts
from feedrank.training.labels import Answers
from feedrank.training.period import BEGINNING, END
from feedrank.training.times import parse_time

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    data_dir: Annotated[Path, typer.Option(help="The data directory.", file_okay=False)],
    start: Annotated[str | None, typer.Option("--from", help="Slates from here on (ISO; UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="... and before this.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.", dir_okay=False)] = None,
) -> None:
    """Estimate clicks per place without exploration, from slates served with an epsilon slice.

    Exit 2 where the overlap is too small to say.
    """
    with reported_errors():
        console = console_for(json_file)
        with opened(data_dir) as store, watching() as watch:
            answers = Answers(read_facts(store, progress=watch("reading the log", store.position())))
            first, last = parse_time(start) if start else BEGINNING, parse_time(until) if until else END
            places = read_places(store.slates(first, last), answers)
        decisions = decisions_of(places, without_exploration)
        overlap = measure_overlap(decisions, places.propensities)
        overlap.check()
        values = [estimate(decisions, method) for method in (Method.IPS, Method.CLIPPED, Method.SNIPS)]
        served = on_policy(places.clicked, places.users)
        table = Table("clicks per place", "value", "95% interval")
        for name, v in (("as served", served), *((f"without exploration, {v.method.value}", v) for v in values)):
            table.add_row(name, f"{v.value:.5f}", f"{v.low:.5f} to {v.high:.5f}")
        console.print(table)
        console.print(f"{overlap.decisions:,} places amount to {overlap.effective:,.0f} under the target policy")
        write_json(
            json_file,
            {
                "as_served": value_json(served),
                "without_exploration": [value_json(v) for v in values],
                "overlap": overlap_json(overlap),
            },
        )


if __name__ == "__main__":
    app(prog_name="python -m feedrank.analysis.off_policy")
