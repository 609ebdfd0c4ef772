"""Settings of a feedrank process, from the environment (FEEDRANK_*), and their reasons.

Settings that belong to the data itself (whether served counts as seen, whether unlisted items are served) live in the
data directory: see `DataSettings`.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

HALF_LIVES_H: tuple[int, ...] = (1, 6, 24, 168)  # breaking news, a day part, a day, a week

ENGAGEMENTS_KEPT = 200
VIEWS_KEPT = 1_000  # item views, not view events: fifty feeds, for a heavy reader two or three days
VIEWS_KEPT_DAYS = 7
SEARCHES_KEPT = 20
DWELLS_KEPT = 200
STATES_KEPT = 2_000  # follow and hide keys; far beyond what a person sets, and a bound all the same
PREVIOUS_KEPT = 5  # earlier engaged items stored with an engagement, for co-engagement
PREVIOUS_WITHIN_H = 48  # older neighbours say little about what is read together in news


class SourceQuotas(BaseModel):
    """How many candidates each source may bring: 500 together, and what a user follows on top.

    Chosen by recall of the next click (docs/retrieval.md). What personal sources leave free, as for a newcomer or in a
    store without vectors, goes to trending.
    """

    interest: int = Field(160, ge=0, le=5_000)
    similar: int = Field(60, ge=0, le=5_000)
    trending: int = Field(220, ge=0, le=5_000)
    fresh: int = Field(60, ge=0, le=5_000)
    followed: int = Field(60, ge=0, le=5_000)


class SelectorSettings(BaseModel):
    """How a feed is put together from scores."""

    diversity: float = Field(0.15, ge=0, le=1)  # MMR's weight on being unlike what stands above; 0: score alone
    exploration: Literal["epsilon", "plackett-luce"] = "epsilon"  # how places are drawn at random
    explore: float = Field(0.05, ge=0, le=1)  # epsilon: probability that a place is drawn; 0: none is
    explore_temperature: float = Field(0.05, gt=0)  # plackett-luce: in units of relevance, whose range is 1
    explore_from: int = Field(4, ge=1)  # first place that may be drawn: the top of the feed is the ranker's
    explore_pool: int = Field(200, ge=1)  # drawn from this many best allowed candidates
    # Mitigation, mild by default; what each costs and brings: docs/fairness.md. 0 turns one off.
    calibration: float = Field(0.05, ge=0, le=1)  # Steck's weight on categories in proportion to what the user reads
    floor_new: float = Field(0.1, ge=0, le=1)  # least share of places, counted from the top, for new items
    floor_new_hours: float = Field(6.0, gt=0)  # an item is new this long after it came out
    floor_small: float = Field(0.0, ge=0, le=1)  # likewise for items of small publishers


class Settings(BaseSettings):
    """Process settings; every field is FEEDRANK_<NAME> in the environment."""

    model_config = SettingsConfigDict(env_prefix="FEEDRANK_", env_nested_delimiter="__", frozen=True)

    models_dir: Path = Path("models")
    champion: str = "champion"  # the registry alias that `serve` loads
    encoder: str = "all-MiniLM-L6-v2"  # packaged, a sentence-transformers name, or a folder; "none" disables text
    encoder_threads: int = Field(0, ge=0)  # CPU threads of one encode; 0: one per core
    event_id_horizon_days: int = Field(7, ge=1)
    event_retention_days: int = Field(90, ge=1)
    slate_retention_days: int = Field(14, ge=1)
    slate_sampling: float = Field(1.0, ge=0, le=1)
    max_future_s: int = Field(600, ge=0)  # an event further ahead of the server's clock is rejected
    counter_delay_s: float = Field(0.0, ge=0)  # of imported records, when serving
    candidates: int = Field(500, ge=1, le=10_000)
    quotas: SourceQuotas = SourceQuotas()
    selector: SelectorSettings = SelectorSettings()
    filter_language: bool = True  # drop items in another language than the request's
    seen_views: int = Field(3, ge=1)  # an item viewed this often ...
    seen_views_hours: float = Field(24.0, gt=0)  # ... within this time without a click is dropped
    story_threshold: float = Field(0.86, gt=0, le=1)  # cosine above which two articles tell one story
    story_hours: float = Field(48.0, gt=0)
    page_token_minutes: int = Field(30, ge=1)
    refresh_s: float = Field(1.0, gt=0)  # how often trending and fresh lists are made anew
    snapshot_s: float = Field(600.0, gt=0)  # how often item state is written to disk while serving
    rebuild_after_erasure_h: float = Field(6.0, gt=0, le=20)  # well inside the promised 24 h


class DataSettings(BaseModel):
    """Settings kept in the data directory, because they say what its records mean."""

    serve_unlisted_items: bool = False  # items never upserted may be served (importers without an item file set it)
    served_counts_as_seen: bool = False
