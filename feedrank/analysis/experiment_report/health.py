"""Whether an experiment can be believed at all: what breaks it, and what to bear in mind.

A broken experiment gives no verdict on its treatments, however its metrics look. Knows nothing of metrics' effects.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from feedrank.analysis.experiment_report.population import Population
from feedrank.analysis.statistics import SplitCheck, check_split
from feedrank.analysis.statistics.checks import SRM_ALPHA

MOST_CROSSED = 0.01  # of the units: sticky assignment loses few (a user on two accounts), not one in a hundred
MOST_FALLEN_BACK = 0.05  # of a variant's slates: beyond it, what was measured is hardly the variant


@dataclass(frozen=True, slots=True)
class Health:
    """`broken` names what forbids a verdict, the first being the gravest; `warnings` what to bear in mind."""

    split: SplitCheck
    broken: tuple[str, ...]
    warnings: tuple[str, ...]


def examine(population: Population) -> Health:
    """Looks at who is in the experiment, before anything they did."""
    design, left_out = population.design, population.left_out
    names, counts = list(design.weights), population.counts
    split = check_split(counts, list(design.weights.values()))
    broken, warnings = [], []
    if design.resalted:
        broken.append("its salt changed while it ran, which moved users between variants")
    empty = [name for name, count in zip(names, counts, strict=True) if not count]
    if empty:
        broken.append(f"variant {empty[0]!r} has no {design.unit} at all")
    elif split.alarm:
        seen = " : ".join(f"{count:,}" for count in counts)
        planned = " : ".join(f"{e:,.0f}" for e in split.expected)
        broken.append(
            f"the split is off: {seen} {design.unit}s where {planned} were planned (p = {split.p_value:.1g}); find "
            "which variant loses or repeats users before reading anything else"
        )
    everyone = sum(counts) + left_out.crossed_units
    if left_out.crossed_units > MOST_CROSSED * everyone:
        broken.append(f"{left_out.crossed_units:,} of {everyone:,} {design.unit}s were in more than one variant")
    elif left_out.crossed_units:
        warnings.append(f"{left_out.crossed_units:,} {design.unit}s were in more than one variant and are left out")
    for name, share in population.fell_back.items():
        message = f"variant {name!r} was not what {share:.1%} of its slates were made with: it fell back"
        if share > MOST_FALLEN_BACK:
            broken.append(message)
        elif share > 0:
            warnings.append(f"{message}; they are counted where they were assigned, which blurs the effect")
    warnings.extend(_bot_warnings(population))
    if left_out.duplicated_slates:
        warnings.append(
            f"{left_out.duplicated_slates:,} slates were logged again under the same request and count once"
        )
    if left_out.overridden_slates:
        warnings.append(f"{left_out.overridden_slates:,} slates were asked for by an override and do not count")
    if left_out.unidentified_slates:
        warnings.append(
            f"{left_out.unidentified_slates:,} slates of readers without a {design.unit} id (opted out, or unknown) do "
            "not count"
        )
    if not design.defined:
        warnings.append("the log holds no definition of it: equal shares are assumed")
    return Health(split, tuple(broken), tuple(warnings))


def _bot_warnings(population: Population) -> Sequence[str]:
    bots = population.left_out.bots
    if not bots:
        return ()
    names = list(population.design.weights)
    table = [[bots.get(name, 0) for name in names], list(population.counts)]
    warnings = [
        f"{sum(bots.values()):,} {population.design.unit}s behave like programs and are left out: "
        + ", ".join(f"{bots.get(name, 0):,} in {name}" for name in names)
    ]
    if min(population.counts) and float(stats.chi2_contingency(table).pvalue) < SRM_ALPHA:
        warnings.append("they are spread unevenly over the variants, so a variant may make them: look at them")
    return warnings
