"""Forms of a past impression: as shown, padded to what the service would have scored, or with an outdated log.

One impression may be trained on and judged in several. Knows nothing of how rows are made.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import IntEnum

from feedrank.training.impressions import Example
from feedrank.training.replay import FOREVER, seed_of
from feedrank.types import DAY, Micros

# Of imported impressions, every third is also trained on padded, and every sixth with an outdated log: enough for the
# trees to learn what both look like, at a bearable cost of replay. More outdated ones serve no form better.
EVERY, EVERY_OUTDATED = 3, 6
LAGS = 5  # an outdated log ends at this midnight or one of those before it, up to so many


class Form(IntEnum):
    """How an impression's rows were made."""

    SHOWN = 0  # only what was shown, everything known: the published protocol, and what served slates always are
    PADDED = 1  # beside what else the service would have scored
    OUTDATED = 2  # only what was shown; items and co-engagement, perhaps histories, stand still since an instant


def form_of(example: Example) -> Form:
    """The form an example is in."""
    if example.impression.padded:
        return Form.PADDED
    return Form.SHOWN if example.impression.known_until == FOREVER else Form.OUTDATED


def padded(examples: Iterable[Example]) -> list[Example]:
    """The imported examples, padded. A served slate is whole already."""
    return [replace(e, impression=replace(e.impression, padded=True)) for e in examples if e.slate is None]


def outdated(examples: Iterable[Example], known_until: Micros) -> list[Example]:
    """The examples as if every record from an instant on were unknown."""
    return [replace(e, impression=replace(e.impression, known_until=known_until)) for e in examples]


def nightly(examples: Iterable[Example]) -> list[Example]:
    """The examples as if item state were brought up to date each midnight, and users' histories at once."""
    return [
        replace(e, impression=replace(e.impression, known_until=last_midnight(e.impression.time), own_known=True))
        for e in examples
    ]


def last_midnight(time: Micros) -> Micros:
    """The last midnight, UTC, up to a time."""
    return time // DAY * DAY


def as_served(examples: Sequence[Example]) -> list[Example]:
    """The examples in the form that serves: slates as they were, imported ones padded."""
    return [*(e for e in examples if e.slate is not None), *padded(examples)]


def training_mix(examples: Sequence[Example]) -> list[Example]:
    """The examples as shown, a third of the imported ones padded as well, another sixth with an outdated log."""
    imported = [(e, seed_of(e.impression.request_id)) for e in examples if e.slate is None]
    mixed = [*examples, *padded(e for e, seed in imported if seed % EVERY == 0)]
    for e, seed in imported:
        if seed % EVERY_OUTDATED == 1:
            mixed += outdated([e], last_midnight(e.impression.time) - seed // EVERY_OUTDATED % LAGS * DAY)
    return mixed
