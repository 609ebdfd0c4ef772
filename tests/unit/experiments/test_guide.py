"""The guide keeps its word: its experiments are valid, and its test vectors are what the code computes."""

import re
from datetime import UTC, datetime
from pathlib import Path

from feedrank.experiments.document import parse_experiments
from feedrank.experiments.hashing import Purpose, bucket

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "experiments.md").read_text(encoding="utf-8")


def test_the_example_is_valid():
    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    read = parse_experiments(text)
    assert [e.name for e in read.experiment] == ["ranker-7", "duel"] and read.holdout and read.shadow
    assert read.experiment[0].percent(datetime(2026, 11, 11, tzinfo=UTC)) == 2.5


def test_the_vectors_are_the_codes():
    vectors = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| `([^`]+)` \| (\d+) \|$", GUIDE, re.MULTILINE)
    assert len(vectors) == 5
    for purpose, salt, unit, expected in vectors:
        assert bucket(Purpose(purpose), salt, unit) == int(expected)
