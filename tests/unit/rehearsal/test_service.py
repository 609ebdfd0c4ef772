from pathlib import Path

import numpy as np
import pytest

from feedrank.errors import Unavailable
from feedrank.rehearsal.loop import service_settings
from feedrank.rehearsal.service import MODEL, RehearsedService, as_sent
from feedrank.rehearsal.vectors import KnownTexts, load_vectors, texts_of
from feedrank.simulator import RandomPolicy, World
from feedrank.simulator.visits import PolicyFeeds, play
from feedrank.types import DAY, HOUR
from feedrank.v1 import log_pb2
from tests.unit.rehearsal.conftest import TINY, Lived

MIDNIGHT = TINY.start + DAY


def slates_of(lived: Lived) -> list[log_pb2.Slate]:
    stored = list(lived.service.store.slates(0, 2**62))
    assert len(stored) == int(lived.visits.feeds.sum())
    return [log_pb2.Slate.FromString(slate.body) for slate in stored]


def test_it_serves_better_than_chance(lived: Lived) -> None:
    random = play(lived.world, TINY.days, PolicyFeeds(lived.world, RandomPolicy(lived.world), one_telling=True))
    assert lived.visits.clicks.sum() > 1.2 * random.clicks.sum()


def test_it_starts_with_the_prior_and_goes_on_with_what_it_learnt_that_night(lived: Lived) -> None:
    versions = [(slate.now_us >= MIDNIGHT, slate.model_version) for slate in slates_of(lived)]
    (trained,) = lived.service.journal.trained
    assert {version for later, version in versions if not later} == {"prior"}
    assert {version for later, version in versions if later} == {trained.reference}
    assert trained.reference.startswith(f"{MODEL}@")


def test_it_learns_from_its_own_slates_of_the_days_before_and_nothing_else(lived: Lived) -> None:
    (trained,) = lived.service.journal.trained
    slates = [slate for slate in slates_of(lived) if slate.now_us < MIDNIGHT]
    assert trained.fitted.impressions == len(slates), "of what nothing was clicked of, too"
    assert TINY.start <= trained.data.start < trained.data.until <= MIDNIGHT


def test_it_keeps_to_what_may_be_shown(lived: Lived) -> None:
    for ask, slate in lived.served:
        assert len(set(slate.tolist())) == len(slate) <= TINY.slate_size
        assert np.isin(slate, lived.world.live_items(ask.user, ask.now)).all()
        assert not np.isin(slate, ask.shown_here).any()
    assert lived.service.journal.degraded == 0


def test_it_learns_from_what_was_shown_alone(lived: Lived) -> None:
    (trained,) = lived.service.journal.trained
    shown = sum(len(slate.shown) for slate in slates_of(lived) if slate.now_us < MIDNIGHT)
    assert 0 < trained.fitted.rows <= shown


def test_equal_seeds_give_equal_days(lived: Lived, encoder: KnownTexts, tmp_path: Path) -> None:
    again = RehearsedService(lived.world, tmp_path, service_settings(tmp_path / "models", "none", TINY), encoder)
    try:
        visits = play(lived.world, TINY.days, again)
    finally:
        again.close()
    np.testing.assert_array_equal(visits.clicks, lived.visits.clicks)
    np.testing.assert_array_equal(visits.feeds, lived.visits.feeds)
    (one,), (other,) = again.journal.trained, lived.service.journal.trained
    assert one.fitted.model_text == other.fitted.model_text


def test_an_article_expires_with_the_world_or_before(tiny_world: World) -> None:
    ends = np.array([as_sent(tiny_world, number).expires_at for number in range(len(tiny_world.articles))])
    articles = tiny_world.articles
    own = articles.expires_at > 0
    assert own.any() and (ends[own] == articles.expires_at[own]).all()
    assert (ends[~own] == articles.published_at[~own] + TINY.lifetime_hours * HOUR).all()


def test_known_texts_give_their_own_vectors_and_no_other(tiny_world: World, encoder: KnownTexts) -> None:
    texts = texts_of(tiny_world)
    some = encoder.encode([texts[5], texts[0]])
    np.testing.assert_array_equal(some[1], encoder.encode(texts[:1])[0])
    assert encoder.encode([]).shape == (0, encoder.dimensions)
    with pytest.raises(Unavailable, match="not of this world"):
        encoder.encode(["a text from elsewhere"])


def test_a_service_without_text_has_no_encoder(tiny_world: World, tmp_path: Path) -> None:
    assert load_vectors(tiny_world, "none", tmp_path) is None
