"""The gate before the champion's place: compares a challenger with the champion on what neither has learned from, and
says what speaks against it.

Damaged versions and ones that do not fit this code are errors, which nothing overrules; all else is kept in the record
and may be overruled by whoever gives a reason. Knows nothing of terminals or of how a version is put to work.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from feedrank.errors import InvalidInput, NotFound, RegistryError
from feedrank.registry import Compared, GateRecord, Registry
from feedrank.store import LogStore
from feedrank.training.audit.settings import AuditSettings
from feedrank.training.gate.contest import (
    Contest,
    Contestant,
    Stretch,
    contestant,
    held,
    held_out_from,
    overlaps,
    read_stretch,
)
from feedrank.training.gate.guardrails import AUDITED, guardrails
from feedrank.training.gate.rules import DECIDING, Outcome, Terms, outcome
from feedrank.training.period import END
from feedrank.training.slices import METRICS
from feedrank.training.times import format_time
from feedrank.training.train import Watch, unwatched
from feedrank.types import SECOND, Micros


@dataclass(frozen=True, slots=True)
class Challenge:
    """Who asks for whose place, and on what they are to be compared."""

    model: str  # NAME (its newest version) or NAME@VERSION
    alias: str
    start: Micros | None = None  # None: from what neither was trained on
    until: Micros = END
    counter_delay: Micros | None = None  # None: as both were trained
    terms: Terms = field(default_factory=Terms)
    limits: AuditSettings = field(default_factory=AuditSettings)


def decide(store: LogStore | None, registry: Registry, challenge: Challenge, watch: Watch = unwatched) -> GateRecord:
    """What speaks against the challenger, if anything, with the figures it rests on.

    Without a store nothing is compared, and nothing can be proven against a champion; where there is none, nothing need
    be. NotFound for an unknown challenger, RegistryError for one that is damaged or does not fit this code.
    """
    loading = watch("loading the models", 2)
    challenger = contestant(registry, challenge.model)
    loading(1)
    champion = registry.resolve_alias(challenge.alias)
    record = GateRecord(challenger=challenger.reference, champion=champion, outcome=Outcome.NOT_COMPARED)
    if not champion:
        return record
    try:
        holder = contestant(registry, champion)
        loading(1)
    except (NotFound, RegistryError) as error:
        why = f"cannot be compared with {challenge.alias!r}, which does not load: {error}"
        return record.model_copy(update={"against": (why,)})
    doubts = _other_conditions(challenger, holder)
    found, said = _compared(store, challenger, holder, challenge, watch, doubts)
    return record.model_copy(update={**found, "against": (*doubts, *said)})


def reason_of(record: GateRecord) -> str:
    """Why a version that passed was promoted, where nobody says more."""
    return f"the gate found it {record.outcome}" if record.champion else "there was none"


def described(record: GateRecord) -> str:
    """A record in a sentence: who, against whom, the figures, and what speaks against it, overruled or not."""
    whom = f" against {record.champion}" if record.champion else ", the first there is"
    told = "; ".join(
        f"{m.metric} {m.challenger:.4f} against {m.champion:.4f}, {m.difference:+.4f} ({m.low:+.4f} to {m.high:+.4f})"
        for m in record.measures
    )
    figures = (
        f" on {record.impressions:,} impressions of {record.users:,} users from {format_time(record.start)} to "
        f"{format_time(record.until)}: {told}"
        if told
        else ""
    )
    if not record.against:
        return f"{record.challenger}{whom} is {record.outcome}{figures}"
    refused = "forced, though" if record.forced else "refused:"
    return f"{record.challenger}{whom}{figures}; {refused} it {'; it '.join(record.against)}"


def _compared(
    store: LogStore | None,
    challenger: Contestant,
    champion: Contestant,
    challenge: Challenge,
    watch: Watch,
    doubts: Sequence[str],
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Fields of the record, and what the comparison says against the challenger. Models that see different pasts are
    compared only where the challenge says which past it is to be.
    """
    if store is None:
        return {}, (f"was not compared with {champion.reference}: give --data-dir, to judge both on its log",)
    if doubts and challenge.counter_delay is None:
        return {}, ()
    try:
        start = held_out_from(challenger, champion) if challenge.start is None else challenge.start
        learned = [said for one in (challenger, champion) if (said := overlaps(one, start))]
        if learned:
            return {}, (f"cannot be judged from {format_time(start)} on, which is not held out: {'; '.join(learned)}",)
        stretch = Stretch(start, challenge.until, challenge.counter_delay)
        period = read_stretch(store, challenger, champion, stretch, watch)
        found = held(store, period, challenger, champion, stretch, watch, AUDITED)
    except InvalidInput as error:  # nothing to judge by proves nothing, but may be overruled
        return {"outcome": Outcome.UNPROVEN}, (f"is unproven: {error}",)
    figures = _measures(found)
    result, said = outcome(figures, found.effective_users(), len(found.data), challenge.terms)
    auditing = watch("auditing", 1)
    rails = guardrails(period, found, challenge.limits)
    auditing(1)
    failed = tuple(
        f"fails the audit's guardrail {g.name!r}: {g.value:.4g}, and the limit is {g.limit:.4g}"
        for g in rails
        if not g.passed
    )
    fields: dict[str, object] = {
        "outcome": result,
        "start": int(found.data.times[0]),
        "until": int(found.data.times[-1]) + 1,
        "counter_delay_s": found.counter_delay / SECOND,
        "impressions": len(found.data),
        "users": len(set(found.users.tolist())),
        "measures": figures,
        "guardrails": rails,
    }
    if result == Outcome.BETTER:
        return fields, failed
    if result == Outcome.NOT_WORSE and challenge.terms.allow_equal:
        older = challenger.trained_until < champion.trained_until
        return fields, (f"{said}; and it was trained on older data", *failed) if older else failed
    return fields, (said, *failed)


def _measures(found: Contest) -> tuple[Compared, ...]:
    """The deciding metrics of a contest, `a` being the challenger."""
    intervals = found.intervals()
    a, b = (quality.mean(axis=0) for quality in found.quality)
    return tuple(
        Compared(
            metric=METRICS[j],
            challenger=float(a[j]),
            champion=float(b[j]),
            difference=intervals[j].mean,
            low=intervals[j].low,
            high=intervals[j].high,
        )
        for j in map(METRICS.index, DECIDING)
    )


def _other_conditions(challenger: Contestant, champion: Contestant) -> list[str]:
    """The challenger is for another counter delay than the champion is served at."""
    if challenger.manifest is None or champion.manifest is None:
        return []
    asks, has = challenger.manifest.counter_delay_s, champion.manifest.counter_delay_s
    return [] if asks == has else [f"is for counters {asks:g} s late, the champion with {has:g} s"]
