"""The ground truth of a world: how much each reader likes each article, and how likely a click is at each position.

Position-based click model (Craswell et al. 2008; Richardson et al. 2007): P(click) = P(position examined) x
P(attractive), where attraction is logistic in the reader's affinity, the article's quality and how fresh it is. All
functions are row-independent: a value does not depend on which other articles are asked about. Knows nothing of
policies or of what was clicked.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from feedrank.simulator.world import World
from feedrank.types import DAY, F64, HOUR, I64, Micros

TOPIC_GAIN = 1.0
ENTITY_GAIN = 1.0
ENTITY_CAP = 2.5  # caring for two people in one article is not twice the interest
LEANING_GAIN = 0.8
TONE_GAIN = 0.5
HOME_GAIN = 0.9  # what happens where one lives
AWAY_LOSS = 0.5  # what happens in someone else's town
FOREIGN_LOSS = 5.0  # a language the reader does not read
SECOND_LANGUAGE_LOSS = 0.35

BASE = -3.1
AFFINITY_GAIN = 1.15
QUALITY_GAIN = 0.9
FRESHNESS_GAIN = 0.9
IMPORTANCE_GAIN = 1.2
NEWS_HALF_LIFE_HOURS = 9.0  # of a story's importance
FAMILIAR_LOSS = 1.6  # the reader has read another article of the story

EXAMINATION_DECAY = np.array([0.75, 0.55, 0.65])  # by reader's device: P(examined) = position ** -decay


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true in a world. Users and items are numbers; items may be arrays of shape (n,)."""

    world: World

    def interests(self, user: int, time: Micros) -> F64:
        """(subcategories,) the reader's interest vector at an instant, interpolated between midnights."""
        settings, interests = self.world.settings, self.world.readers.interests
        days = min(max((time - settings.start) / DAY, 0.0), float(settings.days))
        day = min(int(days), settings.days - 1)
        share = days - day
        path = interests[user]
        return np.asarray(path[day] * (1.0 - share) + path[day + 1] * share, dtype=np.float64)

    def affinity(self, user: int, items: ArrayLike, time: Micros) -> F64:
        """How much a reader likes articles, whatever their age: 0 is indifference, about -3 to 4."""
        world, at = self.world, np.asarray(items, dtype=np.int64)
        articles, readers = world.articles, world.readers
        interests = self.interests(user, time)
        weight = articles.topic_weight[at]
        topic = weight * interests[articles.topic[at]] + (1.0 - weight) * interests[articles.second_topic[at]]
        entities = articles.entities[at]
        lifts = np.where(entities >= 0, readers.fandoms[user][entities], 0.0).sum(axis=-1)
        return np.asarray(
            TOPIC_GAIN * topic
            + ENTITY_GAIN * np.minimum(lifts, ENTITY_CAP)
            + self._publisher_fit(user, at)
            + self._place_fit(user, at)
            - self._language_loss(user)[articles.language[at]],
            dtype=np.float64,
        )

    def freshness(self, items: ArrayLike, time: Micros) -> F64:
        """1 at publication, halving with each half-life of the article's subcategory."""
        at = np.asarray(items, dtype=np.int64)
        articles = self.world.articles
        age_hours = np.maximum(time - articles.published_at[at], 0) / HOUR
        return np.asarray(np.exp2(-age_hours / articles.half_life_hours[at]), dtype=np.float64)

    def attraction(self, user: int, items: ArrayLike, time: Micros, familiar: ArrayLike = False) -> F64:
        """P(click | examined). `familiar`: where the reader has already read another article of the same story."""
        return self.judge(user, items, time, familiar)[1]

    def judge(self, user: int, items: ArrayLike, time: Micros, familiar: ArrayLike = False) -> tuple[F64, F64]:
        """(affinity, attraction), for those who need both."""
        world, at = self.world, np.asarray(items, dtype=np.int64)
        articles, readers = world.articles, world.readers
        affinity = self.affinity(user, at, time)
        story_hours = np.maximum(time - articles.story_starts_at[at], 0) / HOUR
        logit = (
            BASE
            + readers.eagerness[user]
            + AFFINITY_GAIN * affinity
            + QUALITY_GAIN * articles.quality[at]
            + FRESHNESS_GAIN * readers.freshness_taste[user] * (self.freshness(at, time) - 0.5)
            + IMPORTANCE_GAIN * articles.importance[at] * np.exp2(-story_hours / NEWS_HALF_LIFE_HOURS)
            - FAMILIAR_LOSS * np.asarray(familiar, dtype=np.float64)
        )
        return affinity, np.asarray(1.0 / (1.0 + np.exp(-logit)), dtype=np.float64)

    def examination(self, user: int, positions: ArrayLike) -> F64:
        """P(examined) of 1-based positions: 1 at the top, falling by a power law that is steeper on small screens."""
        decay = EXAMINATION_DECAY[self.world.readers.device[user]]
        return np.asarray(np.asarray(positions, dtype=np.float64) ** -decay, dtype=np.float64)

    def click_probability(
        self, user: int, items: ArrayLike, positions: ArrayLike, time: Micros, familiar: ArrayLike = False
    ) -> F64:
        """P(click) of items shown at 1-based positions, each independent of the others."""
        return self.examination(user, positions) * self.attraction(user, items, time, familiar)

    def _publisher_fit(self, user: int, at: I64) -> F64:
        """By distance of leanings, and by taste in tone."""
        articles, readers = self.world.articles, self.world.readers
        distance = np.abs(articles.leaning[at] - readers.leaning[user])
        return np.asarray(
            LEANING_GAIN * readers.leaning_weight[user] * (0.5 - distance)
            + TONE_GAIN * readers.tone_taste[user] * (2.0 * articles.tone[at] - 0.8),
            dtype=np.float64,
        )

    def _place_fit(self, user: int, at: I64) -> F64:
        region = self.world.articles.region[at]
        home = region == self.world.readers.region[user]
        return np.asarray(np.where(region < 0, 0.0, np.where(home, HOME_GAIN, -AWAY_LOSS)), dtype=np.float64)

    def _language_loss(self, user: int) -> F64:
        readers = self.world.readers
        loss = np.where(readers.reads[user], SECOND_LANGUAGE_LOSS, FOREIGN_LOSS)
        loss[readers.language[user]] = 0.0
        return np.asarray(loss, dtype=np.float64)
