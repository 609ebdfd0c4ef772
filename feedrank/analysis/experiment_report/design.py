"""How an experiment was set up, as far as its analysis must know: variants, shares, control, unit, end.

Taken from the definitions in the log; where the log has none, from what the slates say and the caller adds. Knows
nothing of outcomes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from feedrank.errors import InvalidInput, NotFound
from feedrank.experiments.definitions import INTERLEAVED, Experiment
from feedrank.experiments.document import parse_experiments
from feedrank.records import ExperimentsChanged
from feedrank.types import SECOND, Micros

CONTROL = "control"  # what the control is called where nothing says otherwise


@dataclass(frozen=True, slots=True)
class Design:
    """Variants with their planned weights, the control first. `horizon` is 0 where no end was fixed beforehand."""

    name: str
    weights: Mapping[str, float]
    unit: str = "user"  # or "session"
    teams: tuple[str, ...] = ()  # of an interleaving experiment: control and challenger; its one variant is both
    horizon: Micros = 0
    defined: bool = True
    resalted: bool = False  # its salt changed while it ran: users moved between variants

    @property
    def control(self) -> str:
        """The variant others are compared with."""
        return next(iter(self.weights))

    @property
    def treatments(self) -> tuple[str, ...]:
        """The others."""
        return tuple(self.weights)[1:]

    def until(self, horizon: Micros) -> "Design":
        """The same with an end fixed by the caller."""
        return replace(self, horizon=horizon)


def defined(changes: Iterable[ExperimentsChanged], name: str) -> Design | None:
    """The design of an experiment by the latest definition in the log, or None. InvalidInput for one that does not
    parse.
    """
    found: list[Experiment] = []
    for change in changes:
        experiment = parse_experiments(change.toml).find(name)
        if experiment is not None:
            found.append(experiment)
    if not found:
        return None
    last = found[-1]
    control = last.control_variant.name
    names = sorted((v.name for v in last.variant), key=lambda n: n != control)  # stable: the control comes first
    shares = {v.name: v.weight if v.weight is not None else 1.0 for v in last.variant}
    return Design(
        name,
        {INTERLEAVED: 1.0} if last.kind == "interleaving" else {n: shares[n] for n in names if shares[n] > 0},
        last.unit.value,
        tuple(names) if last.kind == "interleaving" else (),
        round(last.end.timestamp()) * SECOND if last.end is not None else 0,
        resalted=len({e.salt for e in found}) > 1,
    )


def observed(name: str, variants: Sequence[str], control: str, unit: str) -> Design:
    """A design out of the variants that slates name, in equal shares: for logs without definitions.

    NotFound where no slate names the experiment; InvalidInput where nothing says which variant is the control.
    """
    if not variants:
        raise NotFound(f"experiment {name!r} is neither defined in the log nor named by any slate in it")
    chosen = control or CONTROL
    if chosen not in variants:
        raise InvalidInput(
            f"experiment {name!r} has no variant {chosen!r}; name the control among {', '.join(sorted(variants))}"
        )
    others = sorted(v for v in variants if v != chosen)
    return Design(name, dict.fromkeys((chosen, *others), 1.0), unit, defined=False)
