"""An experiment report as a page for people and as JSON for machines.

Knows nothing of how it came about.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from feedrank.analysis.experiment_report.analyse import Report
from feedrank.analysis.experiment_report.definitions import Role
from feedrank.analysis.experiment_report.figures import effects, over_time
from feedrank.analysis.experiment_report.guardrails import margins, standing
from feedrank.analysis.experiment_report.readings import Bounds, Reading, of_role
from feedrank.analysis.experiment_report.verdict import Decision, Verdict
from feedrank.analysis.page import NOTHING, Block, Callout, Cell, Page, Plot, Section, Status, Table, Text
from feedrank.training.times import format_time

STATUS: Mapping[Decision, Status] = {
    Decision.SHIP: Status.GOOD,
    Decision.STOP: Status.BAD,
    Decision.WAIT: Status.NOTE,
    Decision.BROKEN: Status.BAD,
}
NOT_LOGGED = (
    "Not in the log, so that no variant is judged by it: {}. Slates of earlier versions do not say how long they took; "
    "the service's own metrics (feedrank_rpc_seconds) do, while an experiment runs."
)
METRIC_COLUMNS = (
    "metric",
    "role",
    "control",
    "treatment",
    "effect",
    "fixed horizon, 95%",
    "always valid, 95%",
    "p, adjusted",
    "CUPED took",
)


def report_page(report: Report) -> Page:
    """The page: verdict first, then whether it can be believed, then the figures behind it."""
    design, population = report.design, report.population
    facts = [
        ("experiment", design.name),
        (f"{design.unit}s", " : ".join(f"{count:,}" for count in population.counts)),
        ("variants", " : ".join(design.weights)),
        ("first exposure", format_time(population.start)),
        ("data until", format_time(report.until)),
        ("decided by", "fixed horizon, planned beforehand" if report.final else "always-valid intervals"),
    ]
    sections = [Section("Verdict", _verdicts(report)), Section("Can it be believed?", _soundness(report))]
    for treatment in design.treatments:
        sections += _of_treatment(report, treatment)
    if report.preference is not None:
        sections.append(_preference(report))
    sections.append(_catalogue(report))
    sections.append(_method(report))
    subtitle = report.verdicts[0].sentence if report.verdicts else _preferred(report)
    return Page(f"Experiment {design.name}", subtitle, facts, sections)


def report_json(report: Report) -> dict[str, Any]:
    """The same for machines."""
    population, left_out = report.population, report.population.left_out
    return {
        "experiment": report.design.name,
        "unit": report.design.unit,
        "counts": dict(zip(report.design.weights, population.counts, strict=True)),
        "start": format_time(population.start),
        "until": format_time(report.until),
        "final": report.final,
        "srm_p": report.health.split.p_value,
        "broken": list(report.health.broken),
        "warnings": list(report.health.warnings),
        "left_out": {
            "duplicated_slates": left_out.duplicated_slates,
            "overridden_slates": left_out.overridden_slates,
            "unidentified_slates": left_out.unidentified_slates,
            "crossed_units": left_out.crossed_units,
            "bots": dict(left_out.bots),
        },
        "fell_back": dict(population.fell_back),
        "verdicts": {v.treatment: {"decision": v.decision.value, "sentence": v.sentence} for v in report.verdicts},
        "readings": [r.as_json() for r in report.readings],
        "unlogged": [m.name for m in report.unlogged],
        "days": {t: [{"day": d.day, **d.reading.as_json()} for d in days] for t, days in report.days.items()},
        "segments": {
            t: [{"segment": s.name, "value": s.value, **s.reading.as_json()} for s in segments]
            for t, segments in report.segments.items()
        },
        "coverage": {
            name: {"slates": c.slates, "distinct": c.distinct, "rarefied": c.rarefied, "at": c.slates_compared}
            for name, c in report.coverage.items()
        },
        "preference": None
        if report.preference is None
        else {**report.preference.as_json(), "favoured": report.preference.favoured(report.final)},
    }


def _verdicts(report: Report) -> list[Block]:
    if not report.verdicts:
        return [Callout(Status.NOTE, _preferred(report))]
    return [_callout(verdict) for verdict in report.verdicts]


def _callout(verdict: Verdict) -> Callout:
    detail = ""
    if verdict.decision is Decision.BROKEN:
        detail = "The figures below are for finding out what broke it, and for nothing else."
    return Callout(STATUS[verdict.decision], verdict.sentence, detail)


def _soundness(report: Report) -> list[Block]:
    population, split = report.population, report.health.split
    rows = [
        (name, count, round(planned), population.fell_back.get(name, 0.0), population.left_out.bots.get(name, 0))
        for name, count, planned in zip(report.design.weights, split.counts, split.expected, strict=True)
    ]
    columns = ("variant", f"{report.design.unit}s", "planned", "share fallen back", "bots left out")
    caption = f"Sample-ratio mismatch: p = {split.p_value:.3g}; below 0.001 there is no verdict."
    blocks: list[Block] = [Table(columns, rows, caption)]
    blocks += [Callout(Status.BAD, _sentence(message)) for message in report.health.broken]
    blocks += [Callout(Status.WARNING, _sentence(message)) for message in report.health.warnings]
    short = [r for r in report.readings if not r.enough]
    if short:
        needs = "; ".join(f"{r.metric.title} ({r.treatment}) needs {r.needed:,}" for r in short)
        headline = "Some metrics are too skewed for so few users: their intervals are not to be taken at their word"
        blocks.append(Callout(Status.WARNING, headline, f"Users an arm, by 355 skewness²: {needs}."))
    if report.unlogged:
        blocks.append(Callout(Status.WARNING, NOT_LOGGED.format("; ".join(m.title for m in report.unlogged))))
    return blocks


def _of_treatment(report: Report, treatment: str) -> list[Section]:
    readings = [r for r in report.readings if r.treatment == treatment]
    if not readings:
        return []
    names = [r.metric.title for r in readings]
    control = report.design.control
    caption = f"{treatment} against {control}. Red: the interval that decides leaves zero out."
    table = Table(
        METRIC_COLUMNS,
        [_row(r) for r in readings],
        "p values: Holm over primary metrics, Benjamini-Hochberg over the rest; of the test that decides.",
    )
    sections = [Section(f"Metrics: {treatment}", [Plot(effects(names, readings, report.final), caption), table])]
    guardrails = of_role(readings, Role.GUARDRAIL)
    if guardrails:
        sections.append(Section(f"Guardrails: {treatment}", _guardrails(guardrails, report.final)))
    days = report.days[treatment]
    if days:
        what = f"{report.primary.title}, {treatment} against {control}, as each day's report would have given it."
        sections.append(Section(f"Over time: {treatment}", [Plot(over_time(days, report.population.origin), what)]))
    segments = report.segments[treatment]
    if segments:
        labels = [f"{s.name}: {s.value}" for s in segments]
        plot = Plot(
            effects(labels, [s.reading for s in segments], report.final),
            f"{report.primary.title}. Segments are as of a {report.design.unit}'s first exposure; p values below are "
            "adjusted over all of them (Benjamini-Hochberg). What is found here is a question for another experiment.",
        )
        rows = [(label, *_row(s.reading)[2:]) for label, s in zip(labels, segments, strict=True)]
        table = Table(("segment", *METRIC_COLUMNS[2:]), rows)
        sections.append(Section(f"By segment: {treatment}", [plot, table]))
    return sections


def _guardrails(readings: Sequence[Reading], final: bool) -> list[Block]:
    rows: list[tuple[Cell, ...]] = [
        (
            r.metric.title,
            margins(r.metric),
            "many" if r.seen is None else " : ".join(f"{n:,}" for n in r.seen),
            _interval(r.bounds(final)),
            "{:+.3g} to {:+.3g}".format(*r.effect_bounds(final)),
            standing(r, final).value,
        )
        for r in readings
    ]
    text = (
        "A guardrail holds if it is shown to be worse by less than its relative margin, or than its absolute one, in "
        "the metric's unit. Where few users did something, the counts in control and treatment decide, not a normal "
        "approximation."
    )
    columns = ("metric", "may get worse by", "seen", "effect, 95%", "effect in its unit, 95%", "it")
    return [Text(text), Table(columns, rows)]


def _row(r: Reading) -> tuple[Cell, ...]:
    return (
        r.metric.title,
        r.metric.role.value if r.metric.role is not Role.GUARDRAIL else f"{r.metric.role.value}, {margins(r.metric)}",
        f"{r.control_value:.4g}",
        f"{r.treatment_value:.4g}",
        _percent(r.relative),
        _interval(r.fixed),
        _interval(r.sequential),
        f"{r.p_adjusted:.3g}" if r.p_adjusted == r.p_adjusted else NOTHING,
        f"{r.reduction:.0%}",
    )


def _percent(share: float) -> str:
    if share == math.inf:
        return "any"
    return f"{share:+.1%}" if share == share else NOTHING


def _interval(bounds: Bounds) -> str:
    low, high = bounds
    return f"{_percent(low)} to {_percent(high)}" if low == low else NOTHING


def _preference(report: Report) -> Section:
    p = report.preference
    assert p is not None, "asked for only where there is one"
    control, challenger = report.design.teams
    rows = [(f"prefer {challenger}", p.challenger), (f"prefer {control}", p.control), ("prefer neither", p.neither)]
    low, high = p.sequential
    text = (
        f"Mean preference for {challenger}: {p.mean:+.4f}, always-valid 95% interval {low:+.4f} to {high:+.4f}; sign "
        f"test for one look: p = {p.p_value:.3g}. A user prefers the model whose picks they click more."
    )
    return Section("Preference", [Table(("users who", "users"), rows), Text(text)])


def _preferred(report: Report) -> str:
    if report.preference is None or report.health.broken:
        return _sentence("; ".join(report.health.broken) or "there is no treatment to judge")
    control, challenger = report.design.teams
    favoured = report.preference.favoured(report.final)
    if not favoured:
        return (
            "At the planned end no preference is shown."
            if report.final
            else "No preference is shown yet: keep running."
        )
    return f"Readers prefer {challenger if favoured > 0 else control!r}."


def _catalogue(report: Report) -> Section:
    rows = [(name, c.slates, c.distinct, c.slates_compared, c.rarefied) for name, c in report.coverage.items()]
    columns = ("variant", "slates", "distinct items", "at slates", "expected distinct items")
    text = "Distinct items grow with slates, so the last column compares variants at the same number of slates."
    return Section("Coverage of the catalogue", [Table(columns, rows, decimals=1), Text(text)])


def _method(report: Report) -> Section:
    rules = report.definitions.rules
    rows = [
        (m.name, m.numerator, m.denominator or f"{report.design.unit}s", m.direction, m.role.value)
        for m in report.definitions.metric
    ]
    text = (
        f"Units are {report.design.unit}s, counted in the variant they were assigned. More than "
        f"{rules.bot_events_per_day:,} events or slates in one day: no reader, left out of every variant. Covariates "
        f"look back {rules.before_days} days. The effect that matters is {rules.planned_effect:.1%}."
    )
    columns = ("metric", "sum of", "by sum of", "better", "role")
    return Section("How it was read", [Text(text), Table(columns, rows)])


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."
