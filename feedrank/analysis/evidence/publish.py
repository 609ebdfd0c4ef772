"""What the evidence commands share: claims at the terminal, as a page and as JSON; exit 1 where one does not hold.

Knows nothing of what is claimed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.table import Table as RichTable

from feedrank.analysis.evidence.claims import Claim, table
from feedrank.analysis.page import Block, Code, Page, Section, check_report_path, write_page
from feedrank.training.console import FAILED, console_for, write_json


def publish(
    title: str,
    command: str,
    sections: Sequence[tuple[str, Sequence[Claim], Sequence[Block]]],
    report: Path | None,
    json_file: Path | None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Prints the claims, writes them where asked, and ends with exit code 1 if one does not hold."""
    console = console_for(json_file)
    claims = [claim for _, some, _ in sections for claim in some]
    shown = RichTable("what", "target", "measured", "95% interval", "holds")
    for c in claims:
        shown.add_row(c.what, c.target, f"{c.measured:.4f}", f"{c.low:.4f} to {c.high:.4f}", "yes" if c.holds else "NO")
    console.print(shown)
    if report is not None:
        parts = [Section(name, [*([table(some)] if some else []), *blocks]) for name, some, blocks in sections]
        holding = sum(c.holds for c in claims)
        subtitle = f"{holding} of {len(claims)} claims hold. Seeds are fixed in the code, beforehand."
        write_page(report, Page(title, subtitle, [], [*parts, Section("Again", [Code(command)])]))
    write_json(json_file, {"claims": [c.as_json() for c in claims], **(extra or {})})
    if not all(c.holds for c in claims):
        raise typer.Exit(FAILED)


def check_paths(report: Path | None, json_file: Path | None) -> None:
    """InvalidInput, before any work, for files that could not be written."""
    if report is not None:
        check_report_path(report)
    console_for(json_file)
