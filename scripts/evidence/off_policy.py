"""Off-policy estimates against what is known: two real policies of Open Bandit, and simulated logs with known truth."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.analysis.evidence import open_bandit, simulated_policies
from feedrank.analysis.evidence.figures import forest, values
from feedrank.analysis.evidence.open_bandit import Comparison
from feedrank.analysis.evidence.publish import check_paths, publish
from feedrank.analysis.off_policy.report import overlap_json, value_json, values_table
from feedrank.analysis.page import Block, Plot, Text
from feedrank.training.console import reported_errors, watching

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    open_bandit_dir: Annotated[
        Path | None,
        typer.Option("--open-bandit", help="The Open Bandit sample: random_men/ and bts_men/.", exists=True),
    ] = None,
    logs: Annotated[int, typer.Option(min=100, help="Simulated logs.")] = 2_000,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page here.", dir_okay=False)] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the claims here.", dir_okay=False)] = None,
) -> None:
    """Off-policy estimates. Exit 1 if a claim does not hold."""
    with reported_errors():
        check_paths(report, json_file)
        comparisons = open_bandit.compare_policies(open_bandit_dir) if open_bandit_dir is not None else ()
        with watching() as watch:
            held = simulated_policies.coverage(logs, watch("logs that explore", logs))
            refused = simulated_policies.refusals(logs, watch("logs that hardly explore", logs))
        publish(
            "Off-policy estimates",
            "scripts/evidence/off_policy.py --open-bandit open_bandit --report off_policy.html",
            [
                *((f"{c.target} from the log of {c.logged_by}", [], _compared(c)) for c in comparisons),
                (
                    "Simulated logs that explore",
                    held,
                    [Plot(forest(held, "coverage of the 95% interval", (0.93, 1.0)), "Band: at least 93%.")],
                ),
                ("Simulated logs that hardly explore", refused, []),
            ],
            report,
            json_file,
            {
                "open_bandit": [
                    {
                        "target": c.target,
                        "logged_by": c.logged_by,
                        "own": value_json(c.own),
                        "estimates": [value_json(v) for v in c.estimates],
                        "overlap": overlap_json(c.overlap),
                    }
                    for c in comparisons
                ]
            },
        )


def _compared(c: Comparison) -> list[Block]:
    named = [("on its own log", c.own), *((v.method.value, v) for v in c.estimates)]
    overlap = c.overlap
    text = (
        f"{overlap.decisions:,} decisions amount to {overlap.effective:,.0f}; weights average {overlap.mean_weight:.3f} "
        f"(standard error {overlap.mean_weight_se:.3f}); smallest propensity {overlap.smallest:.2g}. The direct method's "
        "interval leaves the reward model's own error out."
    )
    return [values_table(named), Plot(values(named, "click rate")), Text(text)]


if __name__ == "__main__":
    app()
