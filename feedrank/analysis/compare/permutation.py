"""A permutation test over users: how often a difference as large comes up if it is chance which model is which.

Swapping the two models for a user flips the sign of all their differences, so under the null every pattern of signs is
equally likely (Fisher, "The Design of Experiments", 1935, sec. 21). A user is the unit because impressions of one are
not independent. All patterns are tried where they are few, a random sample of them otherwise. Knows nothing of models.
"""

import numpy as np

from feedrank.types import F64, I64

PATTERNS = 9_999  # sampled; p is then good to .002 near .05, and no smaller than .0001
EXACT_USERS = 13  # 2^13 patterns: fewer than would be sampled
AT_ONCE = 4_000_000  # signs drawn at once: 32 MB as float64
SAME = 1e-12  # sums of the same numbers in another order differ by less, relatively


def sign_flip(differences: F64, users: I64, seed: int, patterns: int = PATTERNS) -> F64:
    """Two-sided p of each column's mean (r, k), (k,) in (0, 1]: 1 where nothing differs.

    `users` (r,) are numbers. The statistic is the mean over impressions, as in the bootstrap. Columns of one call share
    their patterns. Sampled p are (1 + hits) / (1 + patterns), so they are never too small (Phipson, Smyth,
    "Permutation p-values should never be zero", 2010).
    """
    if not len(differences):
        return np.ones(differences.shape[1])
    _, user = np.unique(users, return_inverse=True)
    sums = np.stack([np.bincount(user, column) for column in differences.T], axis=1)
    sums = sums[sums.any(axis=1)]  # flipping zeros changes nothing
    count = len(sums)
    found = np.abs(sums.sum(axis=0)) * (1.0 - SAME)
    if count <= EXACT_USERS:
        signs = 1.0 - 2.0 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        exact: F64 = (np.abs(signs @ sums) >= found).mean(axis=0)
        return exact
    rng = np.random.default_rng(seed)
    hits = np.zeros(differences.shape[1], np.int64)
    step = max(1, AT_ONCE // count)
    for start in range(0, patterns, step):
        signs = 1.0 - 2.0 * rng.integers(0, 2, (min(step, patterns - start), count))
        hits += (np.abs(signs @ sums) >= found).sum(axis=0)
    return (hits + 1).astype(np.float64) / (1 + patterns)
