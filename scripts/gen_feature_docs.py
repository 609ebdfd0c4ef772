"""Writes docs/features.md: every feature as its definition states it."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from feedrank.features import FEATURES, Feature

DOCS = Path(__file__).parents[1] / "docs" / "features.md"
_HEAD = """\
# Features

Made by `python scripts/gen_feature_docs.py` from `feedrank/features/definitions/`; do not edit.

{total} features: {families}.

A value that is unknown takes the default; NaN is left for the model to handle. Features marked * depend on the whole
slate, the others on the candidate and the user alone. What a feature reads is part of its fingerprint: a model loads
only while every feature it was trained with is defined as it was then.

| name | family | what it says | reads | default |
|---|---|---|---|---|
"""


def render() -> str:
    """The page, as Markdown."""
    families = Counter(feature.family for feature in FEATURES)
    head = _HEAD.format(total=len(FEATURES), families=", ".join(f"{n} {family}" for family, n in families.items()))
    return head + "".join(_row(feature) for feature in FEATURES)


def _row(feature: Feature) -> str:
    reads = (*feature.reads, "the vector space") if feature.reads_vectors else feature.reads
    default = "NaN" if feature.default != feature.default else f"{feature.default:g}"
    name = f"{feature.name}{' *' if feature.in_slate else ''}"
    return f"| {name} | {feature.family} | {feature.doc} | {', '.join(r for r in reads if r)} | {default} |\n"


def main(
    check: Annotated[bool, typer.Option(help="Write nothing; fail if the page is not current.")] = False,
) -> None:
    """Writes docs/features.md from the feature definitions."""
    page = render()
    if not check:
        DOCS.write_text(page)
    elif not DOCS.is_file() or DOCS.read_text() != page:
        typer.echo(f"{DOCS} is not current: run python scripts/gen_feature_docs.py", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
