"""Each source against brute force: what it brings, in which order, and that what was read goes last."""

import numpy as np

from feedrank.pipeline import lists
from feedrank.pipeline.lists import BREAKING, SharedLists
from feedrank.pipeline.sources import FollowedSource, FreshSource, InterestSource, SimilarSource, TrendingSource
from feedrank.pipeline.sources.similar import HISTORY, PRIOR, RANK_DECAY
from feedrank.state import Count
from feedrank.types import Action
from tests.unit.pipeline.conftest import NOW, World


def shared(world: World) -> SharedLists:
    return lists.build(world.state, NOW, serve_unlisted=True)


def read_by_others(world: World, item_id: str, times: int, hours_ago: float = 0.5) -> None:
    for _ in range(times):
        world.event(Action.CLICK, item_id, hours_ago=hours_ago, mine=False)


def test_similar_sums_decayed_cosines_over_the_newest_reads(world: World, ask) -> None:
    rng = np.random.default_rng(3)
    for k in range(30):
        world.item(f"i{k}")
    for _ in range(300):
        first, *previous = (f"i{k}" for k in rng.permutation(30)[:4])
        world.event(Action.CLICK, first, hours_ago=float(rng.uniform(0.1, 40)), previous=previous, mine=False)
    mine = [f"i{k}" for k in (3, 8, 8, 11, *range(12, 24))]  # oldest first; more than count
    for age, item_id in enumerate(reversed(mine)):
        world.event(Action.CLICK, item_id, hours_ago=1.0 + age)
    newest = list(dict.fromkeys(reversed(mine)))[:HISTORY]
    read = set(world.rows(*mine))
    expected: dict[int, float] = {}
    counts = world.state.items.read(np.arange(30, dtype=np.int32), NOW)
    own = counts[:, Count.CLICKS, -1] + counts[:, Count.READS, -1] + PRIOR
    for place, item_id in enumerate(newest):
        seed = world.state.catalog.row_of[item_id]
        for row, weight in zip(*world.state.co_engaged.row(seed, NOW), strict=True):
            if int(row) not in read:
                gain = RANK_DECAY**place * weight / np.sqrt(own[seed] * own[row])
                expected[int(row)] = expected.get(int(row), 0.0) + float(gain)
    found = SimilarSource(world.state, world.lock, 10).retrieve(ask(), world.reader())
    best = sorted(expected, key=lambda row: -expected[row])[:10]
    assert found.rows.tolist() == best
    np.testing.assert_allclose(found.scores, [expected[row] for row in best], rtol=1e-6)


def test_what_is_read_this_hour_trends_above_what_was_read_before(world: World, ask) -> None:
    for item_id in ("breaking", "morning", "night"):
        world.item(item_id, age_hours=24.0)
    read_by_others(world, "breaking", 3, hours_ago=0.1)
    read_by_others(world, "morning", 20, hours_ago=4.0)
    read_by_others(world, "night", 30, hours_ago=12.0)
    found = TrendingSource(world.state, world.lock, shared(world), 10).retrieve(ask(), world.reader())
    assert found.rows.tolist() == world.rows("breaking", "morning", "night")


def test_volume_is_the_hours_reads_and_those_of_the_day_part(world: World) -> None:
    world.item("a", age_hours=24.0)
    read_by_others(world, "a", 2, hours_ago=2.0)
    (score,) = lists.trend_scores(world.state, np.array(world.rows("a"), np.int32), NOW)
    np.testing.assert_allclose(score, 2 * (BREAKING * 2.0**-2.0 + 2.0 ** (-2.0 / 6.0)), rtol=1e-6)


def test_what_was_read_or_hidden_gets_a_place_only_when_nothing_else_is_left(world: World, ask) -> None:
    for k in range(12):
        world.item(f"i{k}", age_hours=1.0 + k, category="sport")
        read_by_others(world, f"i{k}", 12 - k)
    world.event(Action.FOLLOW, target="category:sport")
    for k in (0, 1, 2):
        world.event(Action.CLICK, f"i{k}")
    world.event(Action.HIDE, "i3")
    made = shared(world)
    unread, read = world.rows(*(f"i{k}" for k in range(4, 12))), world.rows("i0", "i1", "i2", "i3")
    sources = (
        TrendingSource(world.state, world.lock, made, 4),
        FreshSource(made, 4, 5),
        FollowedSource(world.state, made, 4),
    )
    found = [source.retrieve(ask(), world.reader()).rows.tolist() for source in sources]
    assert found == [unread + read, unread[:5], unread[:4]]


def test_trending_without_a_history_is_the_shared_list(world: World, ask) -> None:
    world.item("a")
    made = shared(world)
    assert TrendingSource(world.state, world.lock, made, 4).retrieve(ask(), world.reader()).rows is made.trending


class _Brute:
    """Exact search over a matrix."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores = queries @ self.vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return order.astype(np.int32), np.take_along_axis(scores, order, axis=1)


def test_interests_take_turns_and_skip_what_was_read(world: World, ask) -> None:
    vectors = np.eye(6, dtype=np.float32)
    for k in range(6):
        world.item(f"i{k}")
    world.event(Action.CLICK, "i0")
    interests = np.array([[0.9, 0.3, 0.2, 0.1, 0, 0], [0, 0, 0.1, 0.2, 0.9, 0.3]], np.float32)
    interests /= np.linalg.norm(interests, axis=1, keepdims=True)
    found = InterestSource(_Brute(vectors), 4).retrieve(ask(), world.reader(interests))
    assert found.rows.tolist() == world.rows("i1", "i4", "i2", "i5")
    assert len(InterestSource(_Brute(vectors), 4).retrieve(ask(), world.reader()).rows) == 0
