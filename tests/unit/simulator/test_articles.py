import re
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np

from feedrank.limits import item_fault, user_fault
from feedrank.simulator import World, WorldSettings
from feedrank.simulator.stories import BREAKING_TELLINGS, FOLLOWUP_LAG, Telling
from feedrank.types import DAY, HOUR, Item

COMMON_WORDS = {
    "en": {"the", "of", "and", "in", "to", "said"},
    "da": {"og", "af", "til", "på", "efter", "med"},
    "de": {"und", "der", "die", "mit", "von", "hat"},
}


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def names(item: Item) -> set[str]:
    return set(re.findall(r"\b[A-Z]\w+", f"{item.title} {item.body}"))


def copies(world: World) -> dict[int, list[int]]:
    """Item numbers of the first telling and the rewrites of each story that has both."""
    groups: dict[int, list[int]] = defaultdict(list)
    for item, (story, telling) in enumerate(zip(world.articles.story, world.articles.telling, strict=True)):
        if telling != Telling.FOLLOWUP:
            groups[int(story)].append(item)
    return {story: items for story, items in groups.items() if len(items) > 1}


def test_there_are_as_many_articles_as_asked_in_order_of_publication(world: World) -> None:
    settings, at = world.settings, world.articles.published_at
    assert len(world.articles) == settings.items
    assert (np.diff(at) >= 0).all()
    assert settings.first_publication <= at[0] and at[-1] < settings.until


def test_every_item_and_user_is_one_a_store_accepts(world: World) -> None:
    assert [fault for item in world.items() if (fault := item_fault(item, None, 0))] == []
    assert [fault for user in world.users() if (fault := user_fault(user))] == []


def test_texts_have_no_trace_of_templates(world: World) -> None:
    for item in world.items():
        for text in (item.title, item.body):
            assert not re.search(r"[{}\[\]|]|\s\s|\s[.,;]|\bNone\b", text), text
            first = next(letter for letter in text if letter.isalnum())
            assert first == first.upper(), text


def test_titles_are_one_sentence_and_bodies_two_to_four(world: World) -> None:
    for item in world.items():
        assert not item.title.endswith("."), item.title
        assert len(item.title) <= 160, item.title
        assert item.body.endswith((".", ".”", "“.")), item.body
        text = re.sub(r"\b(St|[A-Z])\.", r"\1", item.body)  # abbreviations end no sentence
        ends = re.findall(r"[.?!][”“]?(?=\s+[“„A-ZÆØÅÄÖÜÉ0-9]|$)", text)
        assert 2 <= len(ends) <= 4, item.body


def test_titles_rarely_repeat_but_for_copies_of_one_story(world: World) -> None:
    own = [t for t, kind in zip(world.articles.titles, world.articles.telling, strict=True) if kind != Telling.REWRITE]
    assert len(set(own)) / len(own) > 0.98
    assert len(set(world.articles.titles)) / len(world.articles) > 0.90


def test_each_language_uses_its_own_words(world: World) -> None:
    for language, common in COMMON_WORDS.items():
        bodies = [words(item.body) for item in world.items() if item.language == language]
        assert len(bodies) > 20
        shares = {other: np.mean([bool(body & COMMON_WORDS[other]) for body in bodies]) for other in COMMON_WORDS}
        assert max(shares, key=lambda other: shares[other]) == language
        assert shares[language] > 0.8, common


def test_rewrites_share_facts_but_not_words(world: World) -> None:
    groups = copies(world)
    assert len(groups) > 100
    named_alike, same_title, overlap = [], 0, []
    for items in groups.values():
        first, *rest = (world.item(item) for item in items)
        for copy in rest:
            same_title += copy.title == first.title
            assert copy.title + copy.body != first.title + first.body
            assert copy.language == first.language and copy.subcategory == first.subcategory
            one, other = words(first.title + first.body), words(copy.title + copy.body)
            overlap.append(len(one & other) / len(one | other))
            named_alike.append(bool(names(first) & names(copy)))
    assert np.mean(named_alike) > 0.98
    assert same_title / len(overlap) < 0.15
    assert 0.35 < np.median(overlap) < 0.95


def test_different_stories_of_a_topic_share_few_words(world: World) -> None:
    by_topic: dict[int, list[int]] = defaultdict(list)
    for item in range(len(world.articles)):
        by_topic[int(world.articles.topic[item])].append(item)
    overlap = []
    for items in by_topic.values():
        for one, other in pairwise(items):
            if world.articles.story[one] != world.articles.story[other]:
                a, b = (words(world.articles.titles[i] + world.articles.bodies[i]) for i in (one, other))
                overlap.append(len(a & b) / len(a | b))
    assert np.quantile(overlap, 0.95) < 0.45


def test_rewrites_come_within_hours_and_followups_later(world: World) -> None:
    articles = world.articles
    lag_hours = (articles.published_at - articles.story_starts_at) / HOUR
    kinds = articles.telling
    ended = articles.published_at > world.settings.until - FOLLOWUP_LAG[1]  # cut short by the end of the world
    assert (lag_hours[kinds == Telling.FIRST] == 0).all()
    assert np.quantile(lag_hours[(kinds == Telling.REWRITE) & ~ended], 0.95) < 8
    followups = lag_hours[kinds == Telling.FOLLOWUP]
    assert followups.min() >= FOLLOWUP_LAG[0] / HOUR and followups.max() <= FOLLOWUP_LAG[1] / HOUR


def test_a_story_is_told_by_different_publishers_and_a_few_break_big(world: World) -> None:
    tellings = Counter(world.articles.story.tolist())
    assert max(tellings.values()) >= BREAKING_TELLINGS[0]
    assert 0.4 < np.mean([count == 1 for count in tellings.values()]) < 0.75
    for story, count in tellings.items():
        publishers = world.articles.publisher[world.articles.story == story]
        if 1 < count <= 3 and world.item(int(np.flatnonzero(world.articles.story == story)[0])).language == "en":
            assert len(set(publishers.tolist())) == count


def test_local_articles_stay_in_their_region(world: World) -> None:
    for number, item in enumerate(world.items()):
        if item.category == "local":
            code = world.lexicon.regions[world.articles.region[number]].code
            assert item.regions == (code,)
            if item.language == "en":
                assert world.lexicon.regions[world.articles.region[number]].homes["en"] in item.title + item.body or (
                    world.articles.telling[number] == Telling.FOLLOWUP
                )


def test_entities_are_those_the_text_names(world: World) -> None:
    named = 0
    for item in world.items():
        assert all(tag.casefold() in f"{item.title} {item.body}".casefold() for tag in item.tags)
        named += bool(item.tags)
    assert named / len(world.articles) > 0.8


def test_publishing_follows_the_day_and_the_week() -> None:
    settings = WorldSettings(users=1, items=4_000, days=14, seed=3)
    world = World.build(settings)
    hours = world.articles.published_at // HOUR % 24
    counts = np.bincount(hours, minlength=24)
    assert counts[7:18].mean() > 3 * counts[0:4].mean()
    days = world.articles.published_at // DAY - settings.start // DAY
    per_day = np.bincount(days[days >= 0], minlength=14)
    weekend = per_day[[5, 6, 12, 13]].mean()
    assert 0.5 < weekend / per_day[[1, 2, 3, 4, 8, 9, 10, 11]].mean() < 0.85
