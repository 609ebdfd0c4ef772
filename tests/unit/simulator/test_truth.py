import numpy as np
import pytest

from feedrank.simulator import Truth, World
from feedrank.simulator.truth import FAMILIAR_LOSS, FOREIGN_LOSS
from feedrank.types import DAY, HOUR, I64


def noon(world: World) -> int:
    return world.settings.start + DAY + 12 * HOUR


@pytest.fixture(scope="module")
def items(world: World) -> I64:
    return np.arange(len(world.articles))


def logit(p: object) -> np.ndarray:
    share = np.asarray(p, dtype=np.float64)
    return np.log(share / (1.0 - share))


def test_a_value_does_not_depend_on_what_else_is_asked(world: World, truth: Truth, items: I64) -> None:
    now, chosen = noon(world), np.random.default_rng(0).permutation(items)[:40]
    for ask in (truth.affinity, truth.attraction):
        assert (ask(3, items, now)[chosen] == ask(3, chosen, now)).all()
        assert ask(3, int(chosen[0]), now) == ask(3, items, now)[chosen[0]]


def test_click_probability_is_examination_times_attraction(world: World, truth: Truth) -> None:
    now, items, positions = noon(world), np.array([5, 9, 2]), np.array([1, 4, 20])
    p = truth.click_probability(7, items, positions, now)
    assert p == pytest.approx(truth.examination(7, positions) * truth.attraction(7, items, now))
    assert ((p > 0) & (p < 1)).all()


def test_examination_starts_at_one_and_falls(world: World, truth: Truth) -> None:
    for user in range(20):
        curve = truth.examination(user, np.arange(1, 51))
        assert curve[0] == 1.0
        assert (np.diff(curve) < 0).all()


def test_interests_run_through_each_midnight_and_drift(world: World, truth: Truth) -> None:
    settings = world.settings
    for day in range(settings.days + 1):
        at = truth.interests(4, settings.start + day * DAY)
        assert at == pytest.approx(world.readers.interests[4, day], abs=1e-6)
    before, after = (truth.interests(4, settings.start + day * DAY) for day in (0, 1))
    assert truth.interests(4, settings.start + DAY // 2) == pytest.approx((before + after) / 2, abs=1e-6)
    drift = world.readers.interests[:, -1] - world.readers.interests[:, 0]
    assert 0.05 < np.median(np.abs(drift)) < 0.5
    assert np.abs(drift).max() > 1.2  # someone took up a passion


def test_interests_hold_outside_the_simulated_days(world: World, truth: Truth) -> None:
    settings = world.settings
    assert (truth.interests(0, settings.start - DAY) == truth.interests(0, settings.start)).all()
    assert (truth.interests(0, settings.until + DAY) == truth.interests(0, settings.until)).all()


def test_affinity_follows_topics(world: World, truth: Truth, items: I64) -> None:
    now = noon(world)
    correlations = []
    for user in range(30):
        interest = truth.interests(user, now)[world.articles.topic]
        reads = world.readers.reads[user][world.articles.language]
        correlations.append(np.corrcoef(interest[reads], truth.affinity(user, items[reads], now))[0, 1])
    assert np.mean(correlations) > 0.75


def test_a_fan_likes_articles_about_those_they_care_for(world: World, truth: Truth, items: I64) -> None:
    now, lifts = noon(world), []
    entities = world.articles.entities
    for user in range(100):
        cares = ((world.readers.fandoms[user][entities] > 0) & (entities >= 0)).any(axis=1)
        for topic in np.unique(world.articles.topic[cares]):
            alike = (world.articles.topic == topic) & (world.articles.language == 0)
            if (alike & cares).any() and (alike & ~cares).any():
                affinity = truth.affinity(user, items, now)
                lifts.append(affinity[alike & cares].mean() - affinity[alike & ~cares].mean())
    assert len(lifts) > 50
    assert np.mean(lifts) > 0.7


def test_a_language_one_does_not_read_is_not_clicked(world: World, truth: Truth, items: I64) -> None:
    now = noon(world)
    user = int(np.flatnonzero(world.readers.reads.sum(axis=1) == 1)[0])
    foreign = world.articles.language != 0
    affinity = truth.affinity(user, items, now)
    assert affinity[~foreign].mean() - affinity[foreign].mean() > FOREIGN_LOSS - 1.5
    assert truth.attraction(user, items, now)[foreign].mean() < 0.01


def test_attention_halves_with_the_topics_half_life(world: World, truth: Truth) -> None:
    item = 400
    at = int(world.articles.published_at[item])
    half_life = world.lexicon.subcategories[world.articles.topic[item]].half_life_hours
    ages = [0.0, half_life, 3 * half_life]
    assert [float(truth.freshness(item, at + int(age * HOUR))) for age in ages] == pytest.approx([1, 0.5, 0.125])
    probabilities = [float(truth.attraction(0, item, at + int(age * HOUR))) for age in ages]
    assert probabilities == sorted(probabilities, reverse=True)


def test_breaking_news_bursts_and_fades(world: World, truth: Truth) -> None:
    item = int(np.argmax(world.articles.importance))
    begins = int(world.articles.story_starts_at[item])
    early, late = (float(logit(truth.attraction(0, item, begins + h * HOUR))) for h in (1, 48))
    assert world.articles.importance[item] > 1.5
    assert early - late > 1.2


def test_a_story_read_before_attracts_less(world: World, truth: Truth) -> None:
    items, now = np.arange(300, 320), noon(world)
    new = truth.attraction(2, items, now)
    again = truth.attraction(2, items, now, familiar=np.ones(20, dtype=np.bool_))
    assert logit(new) - logit(again) == pytest.approx(FAMILIAR_LOSS)
