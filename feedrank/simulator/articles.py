"""Writes the articles of a world: every report's headline and text, and its columns.

A rewrite keeps the story's facts and takes either other sentences under a reworded headline or another headline over
reworded sentences, as newsrooms do with an agency's copy. Knows nothing of readers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feedrank.simulator.entities import Entities, NamePool
from feedrank.simulator.lexicon import Lexicon
from feedrank.simulator.stories import Report, Story, Telling
from feedrank.simulator.templates import render
from feedrank.types import F64, HOUR, I32, I64, Bools, Micros

MAX_ENTITIES = 4
NEW_HEADLINE_SHARE = 0.15  # of rewrites that keep the sentences; the others keep the headline's form
CLOSER_SHARE = 0.9  # of stories whose articles have a closing sentence
AUTHORS_PER_PUBLISHER = 7
RIGOUR_GAIN = 0.5  # of a publisher's rigour in the quality of its articles
QUALITY_SPREAD = 0.6
EXPIRY: Mapping[tuple[str, str], Micros] = {
    ("climate", "weather"): 36 * HOUR,
    ("local", "streets"): 36 * HOUR,
    ("business", "markets"): 48 * HOUR,
}  # other topics do not expire
_REROLLS = 8  # attempts at a wording no earlier telling of the story has


@dataclass(frozen=True, slots=True)
class Articles:
    """Columns over item numbers 0..n-1, which follow the order of publication."""

    titles: tuple[str, ...]
    bodies: tuple[str, ...]
    published_at: I64  # (n,) Micros
    expires_at: I64  # (n,) Micros, 0 where it does not expire
    topic: I32  # (n,) subcategory number
    second_topic: I32  # (n,) subcategory it touches as well; equal to topic where none
    topic_weight: F64  # (n,) share of `topic`, the rest belongs to `second_topic`
    entities: I32  # (n, MAX_ENTITIES) entities the text names, -1 where none
    publisher: I32  # (n,)
    leaning: F64  # (n,) of the publisher
    tone: F64  # (n,) of the publisher
    author: I32  # (n,) author number: publisher * AUTHORS_PER_PUBLISHER + seat
    language: I32  # (n,) number in Lexicon.languages
    region: I32  # (n,) region it happens in, -1 where none
    allowed: Bools  # (n, regions) where it may be shown
    story: I32  # (n,)
    telling: I32  # (n,) a Telling
    half_life_hours: F64  # (n,) of attention
    quality: F64  # (n,) appeal beyond topic, mean about 0
    importance: F64  # (n,) of its story
    story_starts_at: I64  # (n,) Micros

    def __len__(self) -> int:
        return len(self.titles)


def name_authors(lexicon: Lexicon, names: NamePool) -> tuple[str, ...]:
    """AUTHORS_PER_PUBLISHER names for each publisher, in publisher order."""
    return tuple(
        names.draw(publisher.language) for publisher in lexicon.publishers for _ in range(AUTHORS_PER_PUBLISHER)
    )


def write_articles(
    lexicon: Lexicon,
    entities: Entities,
    names: NamePool,
    stories: tuple[Story, ...],
    reports: tuple[Report, ...],
    rng: np.random.Generator,
) -> Articles:
    """One article per report, in the order given."""
    writer = _Writer(lexicon, names, stories, rng)
    texts = [writer.write(report) for report in reports]
    told = [stories[report.story] for report in reports]
    topics = {(sub.category, sub.name): number for number, sub in enumerate(lexicon.subcategories)}
    seconds = [topics[sub.also] if sub.also else number for number, sub in enumerate(lexicon.subcategories)]
    topic = np.array([story.topic for story in told], dtype=np.int32)
    second = np.array(seconds, dtype=np.int32)[topic]
    weights = rng.uniform(0.65, 0.95, size=len(stories))[[report.story for report in reports]]
    publisher = np.array([report.publisher for report in reports], dtype=np.int32)
    published_at = np.array([report.published_at for report in reports], dtype=np.int64)
    rigour = RIGOUR_GAIN * np.array([p.rigour for p in lexicon.publishers])[publisher]
    lifetimes = np.array([EXPIRY.get((sub.category, sub.name), 0) for sub in lexicon.subcategories], dtype=np.int64)
    lifetime = lifetimes[topic]
    languages = {language: number for number, language in enumerate(lexicon.languages)}
    return Articles(
        titles=tuple(title for title, _ in texts),
        bodies=tuple(body for _, body in texts),
        published_at=published_at,
        expires_at=np.where(lifetime > 0, published_at + lifetime, 0),
        topic=topic,
        second_topic=second,
        topic_weight=np.where(second == topic, 1.0, weights),
        entities=_entity_columns(entities, told, texts),
        publisher=publisher,
        leaning=np.array([p.leaning for p in lexicon.publishers])[publisher],
        tone=np.array([p.tone for p in lexicon.publishers])[publisher],
        author=(publisher * AUTHORS_PER_PUBLISHER + _seats(topic, lexicon, rng)).astype(np.int32),
        language=np.array([languages[story.language] for story in told], dtype=np.int32),
        region=np.array([story.region for story in told], dtype=np.int32),
        allowed=_allowed(lexicon, told),
        story=np.array([report.story for report in reports], dtype=np.int32),
        telling=np.array([report.telling for report in reports], dtype=np.int32),
        half_life_hours=np.array([sub.half_life_hours for sub in lexicon.subcategories])[topic],
        quality=rigour + rng.normal(0.0, QUALITY_SPREAD, size=len(reports)),
        importance=np.array([story.importance for story in told], dtype=np.float64),
        story_starts_at=np.array([story.starts_at for story in told], dtype=np.int64),
    )


class _Writer:
    """Words for one report after another; remembers the forms each story has had."""

    def __init__(self, lexicon: Lexicon, names: NamePool, stories: tuple[Story, ...], rng: np.random.Generator) -> None:
        self._lexicon = lexicon
        self._names = names
        self._stories = stories
        self._rng = rng
        self._forms: dict[int, tuple[int, int, int, int | None]] = {}  # story -> templates of its first telling
        self._titles: dict[int, set[str]] = {}

    def write(self, report: Report) -> tuple[str, str]:
        """(title, body) of a report."""
        story = self._stories[report.story]
        titles = self._titles.setdefault(report.story, set())
        tell = self._followup if report.telling is Telling.FOLLOWUP else self._news
        for _ in range(_REROLLS):
            title, body = tell(report, story)
            if title not in titles:
                break
        titles.add(title)
        return title, body

    def _news(self, report: Report, story: Story) -> tuple[str, str]:
        frame, rng, values = story.frame, self._rng, story.facts.values
        form = self._forms.get(report.story)
        if form is None:
            title, lead, detail, closer = rng.integers(12, size=4).tolist()  # 12: a multiple of every number of forms
            form = self._forms[report.story] = (title, lead, detail, closer if rng.random() < CLOSER_SHARE else None)
        elif rng.random() < NEW_HEADLINE_SHARE:
            form = (form[0] + 1, *form[1:])
        else:
            form = (form[0], form[1] + 1, form[2], None if form[3] is None else form[3] + 1)
        title, lead, detail, closer = form
        sentences = [_pick(frame.leads, lead), _pick(frame.details, detail)]
        if closer is not None:
            sentences.append(_pick(frame.closers, closer))
        return render(_pick(frame.titles, title), values, rng), " ".join(render(s, values, rng) for s in sentences)

    def _followup(self, report: Report, story: Story) -> tuple[str, str]:
        rng, forms = self._rng, self._lexicon.followups[story.language]
        subject = render(story.frame.subject, story.facts.values, rng, capital=False)
        values = {**story.facts.values, "subject": subject, "expert": self._names.draw(story.language)}
        texts = (forms.leads, story.frame.details, forms.closers)
        title = forms.titles[int(rng.integers(len(forms.titles)))]
        body = " ".join(render(part[int(rng.integers(len(part)))], values, rng) for part in texts)
        return render(title, values, rng), body


def _pick(templates: tuple[str, ...], index: int) -> str:
    return templates[index % len(templates)]


def _entity_columns(entities: Entities, told: list[Story], texts: list[tuple[str, str]]) -> I32:
    """(n, MAX_ENTITIES): those of a story's entities that the article names."""
    columns = np.full((len(told), MAX_ENTITIES), -1, dtype=np.int32)
    for row, (story, (title, body)) in enumerate(zip(told, texts, strict=True)):
        text = f"{title} {body}".casefold()
        numbers = [n for n in story.facts.entities if entities.names[n].casefold() in text][:MAX_ENTITIES]
        columns[row, : len(numbers)] = numbers
    return columns


def _seats(topic: I32, lexicon: Lexicon, rng: np.random.Generator) -> I64:
    """Authors have beats: a category is mostly written by the same seat of a publisher, now and then by another."""
    numbers = {category: number for number, category in enumerate(lexicon.categories)}
    usual = np.array([numbers[sub.category] % AUTHORS_PER_PUBLISHER for sub in lexicon.subcategories])[topic]
    other = rng.integers(0, AUTHORS_PER_PUBLISHER, size=len(topic))
    return np.asarray(np.where(rng.random(len(topic)) < 0.8, usual, other), dtype=np.int64)


def _allowed(lexicon: Lexicon, told: list[Story]) -> Bools:
    """(n, regions): local articles to their region, licensed ones to their country, others everywhere."""
    countries = np.array([region.country for region in lexicon.regions])
    allowed = np.ones((len(told), len(countries)), dtype=np.bool_)
    for row, story in enumerate(told):
        if lexicon.subcategories[story.topic].category == "local":
            allowed[row] = np.arange(len(countries)) == story.region
        elif story.licensed:
            allowed[row] = countries == story.licensed
    return allowed
