"""Makes a registered model version the champion, what `serve` loads, if it is proven better than the present one."""

from pathlib import Path
from typing import Annotated

import typer

from feedrank.errors import Conflict, InvalidInput
from feedrank.features import fingerprint_of
from feedrank.registry import GateRecord, Registry
from feedrank.serving.activation import activate
from feedrank.serving.duty import wall_clock
from feedrank.settings import Settings
from feedrank.training.audit.settings import AuditSettings, read_audit_settings
from feedrank.training.console import console_for, err, opened, reported_errors, watching, write_json
from feedrank.training.gate import Challenge, Terms, decide, described, reason_of
from feedrank.training.period import END
from feedrank.training.times import parse_time
from feedrank.types import SECOND

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


@app.command()
def main(
    model: Annotated[str, typer.Argument(help="NAME@VERSION, or NAME for its newest version.")],
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Compare on this log, and tell its running workers to swap.", file_okay=False),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="Compare from here on (ISO; UTC); by default, where neither was trained."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="... and before this.")] = None,
    counter_delay: Annotated[
        float | None, typer.Option(min=0, help="Seconds by which item counters lag; by default as both were trained.")
    ] = None,
    allow_equal: Annotated[
        bool, typer.Option("--allow-equal", help="Proven not worse is enough: for fresher data.")
    ] = False,
    audit_settings: Annotated[
        Path | None,
        typer.Option(help="The audit's limits as TOML, as audit.py takes them.", exists=True, dir_okay=False),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the alias's history.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Whatever speaks against it; give a reason.")] = False,
    alias: Annotated[str | None, typer.Option(help="The alias; by default FEEDRANK_CHAMPION, or champion.")] = None,
    models_dir: Annotated[
        Path | None, typer.Option(help="The registry; by default FEEDRANK_MODELS_DIR, or ./models.", file_okay=False)
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write what came of it here.", dir_okay=False)
    ] = None,
) -> None:
    """Compare with the champion on held-out impressions, and promote what is proven better.

    Without --data-dir nothing can be proven, and only a first champion needs no proof. A version that is damaged, or
    whose features this code defines otherwise, is refused whatever is forced.
    """
    with reported_errors():
        console = console_for(json_file)
        settings = Settings()
        champion = alias or settings.champion
        registry = Registry(models_dir or settings.models_dir, fingerprint_of)
        if force and not reason:
            raise InvalidInput("--force needs a --reason: someone will ask")
        challenge = Challenge(
            registry.resolve(model),
            champion,
            parse_time(start) if start else None,
            parse_time(until) if until else END,
            None if counter_delay is None else round(counter_delay * SECOND),
            Terms(allow_equal),
            read_audit_settings(audit_settings) if audit_settings else AuditSettings(),
        )
        behind: tuple[str, ...] = ()
        if data_dir is None:
            with watching() as watch:
                found = decide(None, registry, challenge, watch)
            gate = _checked(found, force, json_file)
            registry.set_alias(champion, gate.challenger, reason or reason_of(gate), gate)
        else:
            with opened(data_dir) as store:
                with watching() as watch:
                    found = decide(store, registry, challenge, watch)
                gate = _checked(found, force, json_file)
                why = reason or reason_of(gate)
                behind = activate(store, registry, gate.challenger, champion, why, wall_clock, gate).workers_behind
        console.print(described(gate), highlight=False, soft_wrap=True)
        console.print(
            f"{champion} is {gate.challenger}; it was {gate.champion or 'not set'}", highlight=False, soft_wrap=True
        )
        if behind:
            err.print(f"not swapped yet: {', '.join(behind)}", highlight=False, soft_wrap=True)
        write_json(json_file, _outcome(gate, promoted=True) | {"alias": champion, "workers_behind": list(behind)})


def _checked(gate: GateRecord, force: bool, json_file: Path | None) -> GateRecord:
    """The record to keep. Conflict, with the record written for machines, if the gate refuses and nobody forces."""
    if not gate.against:
        return gate
    if force:
        return gate.model_copy(update={"forced": True})
    write_json(json_file, _outcome(gate, promoted=False))
    raise Conflict(f"{described(gate)}. If it is to be champion all the same, add --force --reason WHY")


def _outcome(gate: GateRecord, promoted: bool) -> dict[str, object]:
    return {
        "model": gate.challenger,
        "previous": gate.champion,
        "promoted": promoted,
        "gate": gate.model_dump(mode="json"),
    }


if __name__ == "__main__":
    app()
