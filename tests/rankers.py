"""A good ranker and a poor one of the small news world, registered as training would register them.

Knows nothing of feedrank's commands.
"""

from pathlib import Path

from feedrank.features import fingerprint_of
from feedrank.pipeline.scorers import LightGBMScorer
from feedrank.registry import DataRange, Registry
from feedrank.training.dataset import Dataset
from feedrank.training.fit import FitParams, fit
from feedrank.types import HOUR
from tests.news_stream import T0

CUT = T0 + 60 * HOUR  # of the stream's 96
GOOD = ("ctr_6h", "log_clicks_6h", "category_affinity", "age_hours", "views_168h", "reads_by_user")
POOR = ("title_chars", "weekday", "hour", "slate_size", "log_views_1h")


def publish(folder: Path, name: str, rows: Dataset, features: tuple[str, ...], **options: object) -> str:
    """Fits a ranker and registers it; by default as trained on all of `rows`."""
    fitted = fit(rows, features, FitParams(max_rounds=60, patience=20, num_threads=1))
    golden = rows.columns(features)[:64]
    scores = LightGBMScorer(fitted.model_text, features).score(golden)["margin"]
    given: dict[str, object] = {"data": DataRange(start=int(rows.times[0]), until=int(rows.times[-1]) + 1), **options}
    return Registry(folder, fingerprint_of).publish(name, fitted.model_text, features, "", golden, scores, **given)  # type: ignore[arg-type]
