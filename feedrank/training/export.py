"""A data set as a Parquet file for a notebook: one row a candidate, features as columns.

Users are numbered by first appearance in the file and not named, so that it can be split by user and says nothing of
whom it is about. Knows nothing of models.
"""

from pathlib import Path

import numpy as np
import polars as pl

from feedrank.errors import InvalidInput
from feedrank.store import LogStore
from feedrank.training.dataset import Dataset

IDS_AT_ONCE = 10_000
UNKNOWN_USER = -1


def as_table(dataset: Dataset, store: LogStore) -> pl.DataFrame:
    """Columns `group` (the impression's number), `request_id`, `time` (UTC), `user`, `item_id`, `label`, `seen`, and
    the features.
    """
    sizes = np.diff(dataset.offsets)
    owner = np.repeat(np.arange(len(dataset)), sizes)
    requests = pl.Series("request_id", dataset.request_ids, dtype=pl.String)
    numbers: dict[str, int] = {}
    users = [numbers.setdefault(user, len(numbers)) if user else UNKNOWN_USER for user in dataset.user_ids]
    distinct, place = np.unique(dataset.item_rows, return_inverse=True)
    ids: list[str] = []
    for start in range(0, len(distinct), IDS_AT_ONCE):
        ids += store.ids_of(distinct[start : start + IDS_AT_ONCE].tolist())
    return pl.DataFrame(
        {
            "group": owner,
            "request_id": requests.gather(owner),
            "time": pl.Series(dataset.times[owner]).cast(pl.Datetime("us", "UTC")),
            "user": np.array(users, np.int32)[owner],
            "item_id": pl.Series(ids, dtype=pl.String).gather(place),
            "label": dataset.labels,
            "seen": dataset.seen,
            **{name: dataset.rows[:, j] for j, name in enumerate(dataset.features)},
        }
    )


def write_parquet(table: pl.DataFrame, path: Path) -> None:
    """Writes the file whole. InvalidInput if it cannot be written."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        table.write_parquet(partial)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InvalidInput(
            f"{path}: cannot be written ({error.strerror or error}); name a file in a folder that exists"
        ) from error
