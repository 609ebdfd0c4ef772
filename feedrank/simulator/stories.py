"""Plans what happens in a world and who reports it when: stories, and the tellings of each.

A story is one happening. Its first telling is followed within hours by rewrites of other publishers (same facts,
other words: near-duplicates), and later by follow-ups that look back on it. Breaking stories draw many tellings.
Knows nothing of wording or of readers.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from feedrank.simulator.curves import PUBLISHING, WEEKEND_PUBLISHING, draw_instants, hour_weights, weekday
from feedrank.simulator.facts import FactDrawer, Facts
from feedrank.simulator.lexicon import Frame, Lexicon, Publisher, Subcategory
from feedrank.simulator.settings import WorldSettings
from feedrank.types import F64, HOUR, MINUTE, Micros

LANGUAGE_SHARES = {"en": 0.86, "da": 0.07, "de": 0.07}
TELLINGS_SHARES = (0.56, 0.22, 0.11, 0.07, 0.04)  # of ordinary stories with 1, 2, .. tellings
LOCAL_TELLINGS = 2  # what happens in one street is not in every paper
BREAKING_SHARE = 0.012
BREAKING_TELLINGS = (7, 15)
BREAKING_IMPORTANCE = 1.8
REWRITE_SHARE = 0.65  # of later tellings; the rest are follow-ups
REWRITE_LAG = 100 * MINUTE  # mean
BREAKING_LAG = 40 * MINUTE  # mean: everyone is quick
FOLLOWUP_LAG = (7 * HOUR, 40 * HOUR)
LICENSED_SHARE = 0.04  # of stories outside the local pages that may be shown in one country only
BEAT_BONUS = 5.0
OFF_BEAT = 0.05
HOME_BONUS = 14.0


class Telling(IntEnum):
    """How an article relates to its story."""

    FIRST = 0
    REWRITE = 1
    FOLLOWUP = 2


@dataclass(frozen=True, slots=True)
class Story:
    """One happening. `region`: the number of the region it happens in, -1 for none; `licensed`: a country or empty."""

    topic: int  # number of the subcategory
    frame: Frame
    language: str
    region: int
    licensed: str
    starts_at: Micros
    importance: float  # adds to attraction while it is news
    breaking: bool
    facts: Facts


@dataclass(frozen=True, slots=True)
class Report:
    """One telling of a story by one publisher."""

    story: int
    telling: Telling
    publisher: int
    published_at: Micros


@dataclass(frozen=True, slots=True)
class _Slot:
    """A story before its facts are drawn, which happens in order of time."""

    topic: int
    language: str
    starts_at: Micros
    tellings: int
    breaking: bool


def plan_stories(
    lexicon: Lexicon, settings: WorldSettings, drawer: FactDrawer, rng: np.random.Generator
) -> tuple[tuple[Story, ...], tuple[Report, ...]]:
    """Stories in order of time, and exactly `settings.items` reports of them in order of publication."""
    slots = _slots(lexicon, settings, rng)
    shares = np.array([region.share for region in lexicon.regions])
    stories: list[Story] = []
    reports: list[Report] = []
    for slot in slots:
        sub = lexicon.subcategories[slot.topic]
        frames = sub.frames[slot.language]
        frame = frames[int(rng.integers(len(frames)))]
        region = _region(lexicon, frame, slot.language, shares, rng)
        place = lexicon.regions[region] if region >= 0 else None
        story = Story(
            topic=slot.topic,
            frame=frame,
            language=slot.language,
            region=region,
            licensed=_licence(lexicon, sub, slot.language, rng),
            starts_at=slot.starts_at,
            importance=BREAKING_IMPORTANCE if slot.breaking else float(rng.normal(0.25 * np.log(slot.tellings), 0.3)),
            breaking=slot.breaking,
            facts=drawer.draw(frame, slot.language, place, weekday(slot.starts_at)),
        )
        reports.extend(_reports(len(stories), story, slot.tellings, lexicon, settings.until, rng))
        stories.append(story)
    reports.sort(key=lambda report: (report.published_at, report.story, report.publisher))
    return tuple(stories), tuple(reports)


def _slots(lexicon: Lexicon, settings: WorldSettings, rng: np.random.Generator) -> list[_Slot]:
    """Topics, times and sizes of stories until their tellings fill the world, in order of time."""
    start = settings.first_publication
    hours = settings.days * 24 + settings.backlog_hours
    weights = {name: hour_weights(start, hours, curve, WEEKEND_PUBLISHING) for name, curve in PUBLISHING.items()}
    languages = list(LANGUAGE_SHARES)
    topics = {language: _topic_weights(lexicon, language) for language in languages}
    slots: list[_Slot] = []
    left = settings.items
    while left > 0:
        language = languages[int(rng.choice(len(languages), p=list(LANGUAGE_SHARES.values())))]
        topic = int(rng.choice(len(lexicon.subcategories), p=topics[language]))
        sub = lexicon.subcategories[topic]
        local = sub.category == "local"
        breaking = not local and rng.random() < BREAKING_SHARE
        if breaking:
            tellings = int(rng.integers(*BREAKING_TELLINGS))
        else:
            tellings = 1 + int(rng.choice(len(TELLINGS_SHARES), p=TELLINGS_SHARES))
        tellings = min(tellings, left, LOCAL_TELLINGS if local else left)
        starts_at = int(draw_instants(start, weights[sub.hours], 1, rng)[0])
        slots.append(_Slot(topic, language, starts_at, tellings, breaking))
        left -= tellings
    return sorted(slots, key=lambda slot: slot.starts_at)


def _topic_weights(lexicon: Lexicon, language: str) -> F64:
    weights = np.array([sub.weight if language in sub.frames else 0.0 for sub in lexicon.subcategories])
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _region(lexicon: Lexicon, frame: Frame, language: str, shares: F64, rng: np.random.Generator) -> int:
    """Where a regional frame happens: a region of the language's country for Danish and German, any for English."""
    if not frame.regional:
        return -1
    country = {"da": "DK", "de": "DE"}.get(language)
    fits = np.array([country in (None, region.country) for region in lexicon.regions])
    weights = shares * fits
    return int(rng.choice(len(shares), p=weights / weights.sum()))


def _licence(lexicon: Lexicon, sub: Subcategory, language: str, rng: np.random.Generator) -> str:
    if sub.category == "local" or language != "en" or rng.random() >= LICENSED_SHARE:
        return ""
    countries = sorted({region.country for region in lexicon.regions})
    return countries[int(rng.integers(len(countries)))]


def _reports(
    number: int, story: Story, tellings: int, lexicon: Lexicon, until: Micros, rng: np.random.Generator
) -> list[Report]:
    """The tellings of one story, each by another publisher while there are any left."""
    weights = np.array([_fit(publisher, story, lexicon) for publisher in lexicon.publishers])
    reports: list[Report] = []
    free = weights.copy()
    for order in range(tellings):
        if not free.any():
            free = weights.copy()
        publisher = int(rng.choice(len(free), p=free / free.sum()))
        free[publisher] = 0.0
        telling, lag = Telling.FIRST, 0
        if order:
            again = rng.random() < REWRITE_SHARE or story.frame.evergreen
            telling = Telling.REWRITE if again else Telling.FOLLOWUP
            if telling is Telling.FOLLOWUP:
                lag = int(rng.integers(*FOLLOWUP_LAG))
            else:
                lag = int(rng.exponential(BREAKING_LAG if story.breaking else REWRITE_LAG)) + 3 * MINUTE
        at = story.starts_at + lag
        if at >= until:  # the world ends before this telling: it comes out between the happening and the end
            telling = Telling.REWRITE
            at = story.starts_at + int(rng.random() * (until - story.starts_at))
        reports.append(Report(number, telling, publisher, at - at % 1_000_000))
    return reports


def _fit(publisher: Publisher, story: Story, lexicon: Lexicon) -> float:
    """How likely a publisher is to report a story: size, language, beats and, for local ones, place."""
    if publisher.language != story.language:
        return 0.0
    category = lexicon.subcategories[story.topic].category
    beat = 1.0 if not publisher.beats else BEAT_BONUS if category in publisher.beats else OFF_BEAT
    if publisher.region:
        if story.region < 0 or lexicon.regions[story.region].code != publisher.region:
            return 0.0
        return publisher.size * beat * HOME_BONUS
    return publisher.size * beat
