"""An audit as sections of a page: verdict, beyond accuracy, RADio, exposure of items, quality for users.

Knows nothing of how anything was measured.
"""

from collections.abc import Sequence

import plotly.graph_objects as go

from feedrank.analysis.model_report.spans import AROUND_ROWS, ROW_HEIGHT, error_bars, spread
from feedrank.analysis.page import Block, Callout, Cell, Plot, Section, Status, Table, Text
from feedrank.analysis.theme import BLUE, MUTED, VERMILION
from feedrank.training.audit.audit import MODEL, Audit, Origin
from feedrank.training.audit.behind import Contrast
from feedrank.training.audit.beyond import Beyond
from feedrank.training.audit.exposure import GroupExposure
from feedrank.training.audit.settings import Guardrail
from feedrank.training.audit.users import UserGroup

TWO_SIDED = 1.96  # standard errors to either side of a 95% interval
TOO_FEW = "too few users"


def audit_sections(audit: Audit) -> list[Section]:
    """Every section of an audit, the verdict first."""
    return [
        Section("Guardrails", _verdict(audit)),
        Section("Beyond accuracy", _beyond(audit)),
        Section("Exposure of items", _exposure(audit)),
        Section("Quality for groups of users", _users(audit)),
    ]


def _verdict(audit: Audit) -> list[Block]:
    failed = [rail for rail in audit.guardrails if not rail.passed]
    if failed:
        names = "; ".join(f"{rail.name}: {rail.value:.3f}, limit {rail.limit:.3f}" for rail in failed)
        head = Callout(Status.BAD, f"{len(failed)} of {len(audit.guardrails)} guardrails failed", names)
    else:
        head = Callout(Status.GOOD, f"All {len(audit.guardrails)} guardrails held")
    rows: list[list[Cell]] = [[rail.name, rail.value, rail.limit, _state(rail)] for rail in audit.guardrails]
    settings = audit.settings
    rule = (
        f"A group of users fails if its mean AUC is proven to be more than {settings.added_gap:g} below the others', "
        f"and by more than that further than under {audit.reference}; a guarded group of items, if its attention is "
        "proven to be less than "
        f"{settings.exposure_floor:g} of its quality-weighted supply. Proven: one-sided t-test over users, skewness "
        "removed, Holm-corrected over all groups of the audit; the chance of any false alarm is at most "
        f"{settings.false_alarms:.0%} each for users and for items. Groups of fewer than {settings.fewest_users} users "
        "are shown and not judged."
    )
    return [head, Table(("guardrail", "value", "limit", "held"), rows), Text(rule)]


def _state(rail: Guardrail) -> str:
    if rail.value != rail.value:
        return "not measurable"
    return "yes" if rail.passed else "NO"


def _beyond(audit: Audit) -> list[Block]:
    names = {MODEL: "as served" if audit.origin == Origin.SERVED else "this model"}
    rows = [_beyond_row(names.get(name, name), found) for name, found in audit.beyond.items()]
    columns = ("order", "coverage", "Gini", "novelty (bits)", "95%", "distance", "near-duplicates", "miscalibration")
    radio: list[list[Cell]] = [[r.name, r.interval.mean, spread(r.interval), r.absent] for r in audit.radio]
    return [
        Text(
            f"The first ten places of {audit.lists:,} lists of {audit.users:,} users: {audit.origin.value}. Coverage "
            "is the share of the candidates that reached some top ten, Gini the concentration of attention "
            "(1 / log2(place + 1)) over them, novelty the mean self-information of an item, distance the mean 1 - "
            "cosine of text vectors in a list, near-duplicates the pairs a list that tell one story, miscalibration "
            "Steck's divergence of a list's categories from those its user had read (0: the same proportions)."
        ),
        Table(columns, rows, "The same requests in different orders.", strong=frozenset({0})),
        Text(
            "RADio (Vrijenhoek et al. 2022), rank-aware Jensen-Shannon divergences in bits: 0 equal, 1 disjoint. "
            "Whether much or little is good depends on what the newsroom wants; what the log does not allow is said."
        ),
        Table(("measure", "value", "95%", "not measured, because"), radio),
    ]


def _beyond_row(name: str, found: Beyond) -> list[Cell]:
    return [
        name,
        found.coverage,
        found.gini,
        found.novelty.mean,
        spread(found.novelty, 2),
        found.intra_list_distance.mean,
        found.near_duplicates.mean,
        found.miscalibration.mean,
    ]


def _exposure(audit: Audit) -> list[Block]:
    text = Text(
        "Supply is a group's share of the candidates, merit that share with each item weighing its smoothed engagement "
        "(clicks a view), exposure the attention the group got. A ratio of 1 is in proportion to merit."
    )
    rows: list[list[Cell]] = [
        [
            e.grouping,
            e.value,
            e.items,
            e.supply,
            e.merit,
            e.exposure.mean,
            spread(e.exposure),
            e.ratio,
            "yes" if e.guarded else "",
        ]
        for e in audit.exposures
    ]
    columns = ("by", "group", "items", "supply", "merit", "exposure", "95%", "ratio", "guarded")
    return [text, Plot(_exposure_figure(audit.exposures)), Table(columns, rows)]


def _exposure_figure(exposures: Sequence[GroupExposure]) -> go.Figure:
    """Supply, merit and exposure of each group on one line."""
    labels = [f"{e.grouping}: {e.value}" for e in exposures]
    figure = go.Figure(layout={"height": ROW_HEIGHT * len(labels) + AROUND_ROWS})
    marks = (
        ("supply", [e.supply for e in exposures], MUTED, "line-ns-open"),
        ("merit", [e.merit for e in exposures], VERMILION, "diamond-open"),
    )
    for name, values, colour, symbol in marks:
        figure.add_scatter(
            x=values, y=labels, name=name, mode="markers", marker={"color": colour, "symbol": symbol, "size": 11}
        )
    figure.add_scatter(
        x=[e.exposure.mean for e in exposures],
        y=labels,
        name="exposure, 95%",
        mode="markers",
        marker={"color": BLUE, "size": 9},
        error_x=error_bars([e.exposure for e in exposures]),
    )
    figure.update_xaxes(title="share", rangemode="tozero", tickformat=".0%")
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def _users(audit: Audit) -> list[Block]:
    groups = audit.groups
    if not groups:
        return [Text("The log does not tell users apart by anything: there are no groups to compare.")]
    settings = audit.settings
    rows: list[list[Cell]] = [
        [
            g.grouping,
            g.value,
            g.impressions,
            g.contrast.users,
            g.auc,
            _with_error(g.contrast),
            ("behind" if g.behind(settings) else "no") if g.p == g.p else TOO_FEW,
            f"{g.by_reference:+.3f}",
            _with_error(g.added),
            g.p_added if g.p_added == g.p_added else TOO_FEW,
        ]
        for g in groups
    ]
    of_reference = ("by the reference", "added", "p")
    columns = ("by", "group", "impressions", "users", "AUC", "less others'", "behind", *of_reference)
    text = Text(
        "Mean per-impression AUC of each group against all other users, ± a standard error. A group is behind if that "
        f"is proven to be lower than -{settings.user_gap:g}, the dashed line. The same difference under "
        f"{audit.reference} tells how hard the group is to rank for, whatever ranks; what this model adds to it is "
        "what the guardrail is about, and p is the corrected chance of both differences being so low where "
        f"-{settings.added_gap:g} were true of them."
    )
    return [text, Plot(_users_figure(groups, -settings.user_gap)), Table(columns, rows)]


def _with_error(contrast: Contrast) -> str:
    error = "" if contrast.error != contrast.error else f" ± {contrast.error:.3f}"
    return f"{contrast.difference:+.3f}{error}"


def _users_figure(groups: Sequence[UserGroup], limit: float) -> go.Figure:
    labels = [f"{g.grouping}: {g.value}" for g in groups]
    figure = go.Figure(layout={"height": ROW_HEIGHT * len(labels) + AROUND_ROWS, "showlegend": False})
    figure.add_scatter(
        x=[g.contrast.difference for g in groups],
        y=labels,
        mode="markers",
        marker={"color": BLUE, "size": 9},
        error_x={"array": [TWO_SIDED * g.contrast.error for g in groups], "color": BLUE, "thickness": 1.5},
    )
    figure.add_vline(x=0.0, line={"color": MUTED, "width": 1})
    figure.add_vline(x=limit, line={"color": VERMILION, "width": 1.5, "dash": "dash"})
    figure.update_xaxes(title="difference in AUC from all other users, with its 95% interval")
    figure.update_yaxes(autorange="reversed", type="category")
    return figure
