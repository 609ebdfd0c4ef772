"""The packaged texts: enough of them, and fit together. Loading checks every slot; here is what it does not check."""

from collections import Counter

import pytest

from feedrank.simulator.lexicon import Frame, Subcategory
from feedrank.simulator.text_files import load_lexicon

LEXICON = load_lexicon()
LEAST_OPTIONS = 5  # of a list that tells stories apart
CHOICES = {"rate_move", "share_move", "price_way", "tax_way", "ruling", "food_ruling", "draw_score"}  # turns of phrase


def frames(language: str) -> list[Frame]:
    return [frame for sub in LEXICON.subcategories for frame in sub.frames.get(language, ())]


def test_there_are_twelve_categories_of_about_five_subcategories() -> None:
    sizes = Counter(sub.category for sub in LEXICON.subcategories)
    assert len(sizes) >= 12
    assert min(sizes.values()) >= 5


@pytest.mark.parametrize("sub", LEXICON.subcategories, ids=lambda sub: f"{sub.category}/{sub.name}")
def test_each_subcategory_has_enough_words(sub: Subcategory) -> None:
    english = sub.frames["en"]
    assert sum(len(frame.titles) for frame in english) >= 6
    assert sum(len(frame.leads) + len(frame.details) + len(frame.closers) for frame in english) >= 8
    assert sub.queries


@pytest.mark.parametrize("language", LEXICON.languages)
def test_each_frame_can_be_told_in_two_ways(language: str) -> None:
    assert frames(language)
    for frame in frames(language):
        for part in (frame.titles, frame.leads, frame.details, frame.closers):
            assert len(part) >= 2, frame.name


def test_every_happening_has_an_owner_drawn_before_its_member() -> None:
    for frame in (frame for language in LEXICON.languages for frame in frames(language)):
        seen: set[str] = set()
        for fact in frame.facts:
            assert set(fact.args[1:2] if fact.source == "entity" else ()) <= seen, f"{frame.name}: {fact.name}"
            seen.add(fact.name)


def test_lists_are_long_enough_to_tell_stories_apart_and_without_repetition() -> None:
    for name, options in LEXICON.lists.items():
        assert len(set(options)) == len(options), name
        if name not in CHOICES:
            assert len(options) >= LEAST_OPTIONS, name


def test_every_language_has_publishers_and_every_region_a_local_one() -> None:
    assert {publisher.language for publisher in LEXICON.publishers} == set(LEXICON.languages)
    assert {p.region for p in LEXICON.publishers} - {""} == {region.code for region in LEXICON.regions}


def test_categories_named_by_beats_and_second_topics_exist() -> None:
    topics = {(sub.category, sub.name) for sub in LEXICON.subcategories}
    assert {beat for publisher in LEXICON.publishers for beat in publisher.beats} <= set(LEXICON.categories)
    assert {sub.also for sub in LEXICON.subcategories if sub.also} <= topics
