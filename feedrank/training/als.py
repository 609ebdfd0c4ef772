"""Implicit ALS as a baseline: matrix factorisation of who read what, fitted anew each midnight to all that came before.

Hu, Koren, Volinsky: "Collaborative filtering for implicit feedback datasets", ICDM 2008, by the `implicit` package. An
item or user that a night's fit has not met scores 0. Knows nothing of features.
"""

from collections.abc import Sequence

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from feedrank.records import EventRecorded, Fact
from feedrank.training.dataset import Dataset
from feedrank.training.facts import Progress, no_progress
from feedrank.types import DAY, F64, I64, Action, Micros

FACTORS = 64
ROUNDS = 15
CONFIDENCE = 20.0  # of one read over none
REGULARISATION = 0.05
READS = (Action.CLICK, Action.LIKE, Action.SAVE, Action.SHARE)


def als_scores(facts: Sequence[Fact], dataset: Dataset, seed: int, progress: Progress = no_progress) -> F64:
    """The factor product of each entry's user and item, (n,). `progress` hears each night fitted."""
    users, items, times, number = _reads(facts)
    scores = np.zeros(len(dataset.labels))
    owner = np.repeat(np.arange(len(dataset)), np.diff(dataset.offsets))
    reader = np.array([number.get(user, -1) for user in dataset.user_ids], np.int64)
    for midnight in np.unique(dataset.times // DAY).tolist():
        night = midnight * DAY
        known = times < night
        asked = (dataset.times // DAY == midnight)[owner]
        if known.any():
            scores[asked] = _night(
                users[known], items[known], reader[owner[asked]], dataset.item_rows[asked].astype(np.int64), seed
            )
        progress(1)
    return scores


def _reads(facts: Sequence[Fact]) -> tuple[I64, I64, I64, dict[str, int]]:
    """Readers, item rows and times of every engagement, (m,) each, and the readers' numbers by id."""
    number: dict[str, int] = {}
    found: list[tuple[int, int, Micros]] = []
    for fact in facts:
        if isinstance(fact, EventRecorded) and fact.action in READS and fact.event.user_id and fact.rows:
            found.append((number.setdefault(fact.event.user_id, len(number)), fact.rows[0], fact.time))
    columns = np.array(found, np.int64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2], number


def _night(users: I64, items: I64, readers: I64, rows: I64, seed: int) -> F64:
    """Scores (k,) of reader-item pairs by a fit to the engagements (m,)."""
    width = int(items.max()) + 1
    height = int(users.max()) + 1
    read = csr_matrix((np.full(len(users), CONFIDENCE, np.float32), (users, items)), shape=(height, width))
    with threadpool_limits(1, "blas"):  # implicit threads by itself, and warns of a BLAS that does so too
        model = AlternatingLeastSquares(
            factors=FACTORS, iterations=ROUNDS, regularization=REGULARISATION, random_state=seed, num_threads=1
        )
        model.fit(read, show_progress=False)
    met = (readers >= 0) & (readers < height) & (rows < width)
    scores = np.zeros(len(rows))
    scores[met] = np.einsum("kf,kf->k", model.user_factors[readers[met]], model.item_factors[rows[met]])
    return scores
