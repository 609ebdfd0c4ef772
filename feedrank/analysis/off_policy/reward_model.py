"""A reward model for tables of actions: what each action earns in each kind of context, cross-fitted over users.

A cell's mean is drawn towards its action's, and that towards the overall mean, as if by PRIOR more decisions each: an
empirical Bayes estimate for rare actions. A user's decisions are predicted from other users' only, so that the doubly
robust estimate stays unbiased (Chernozhukov et al., "Double/debiased machine learning", 2018). Knows nothing of
estimators.
"""

import numpy as np

from feedrank.errors import InvalidInput
from feedrank.types import F64, I64

FOLDS = 5
PRIOR = 20.0  # decisions' worth of the coarser mean in each finer one


def crossfit(rewards: F64, actions: I64, cells: I64, users: I64, target: F64) -> tuple[F64, F64]:
    """(q, v), (n,) each: what is expected of the action taken, and of the target's choice.

    `actions` and `cells` are numbers from 0; `target` (n, actions) holds the target's probabilities in each decision.
    InvalidInput for a target whose rows do not sum to 1.
    """
    if not np.allclose(target.sum(axis=1), 1.0, atol=1e-6):
        raise InvalidInput("the target's probabilities of a decision must sum to 1 over all actions")
    width, height = target.shape[1], int(cells.max(initial=0)) + 1
    _, user = np.unique(users, return_inverse=True)
    fold = user % FOLDS
    expected, promised = np.empty(len(rewards)), np.empty(len(rewards))
    for k in range(FOLDS):
        held = fold == k
        table = _table(rewards[~held], actions[~held], cells[~held], width, height)
        expected[held] = table[cells[held], actions[held]]
        promised[held] = np.einsum("na,na->n", target[held], table[cells[held]])
    return expected, promised


def _table(rewards: F64, actions: I64, cells: I64, width: int, height: int) -> F64:
    """(cells, actions) smoothed mean rewards."""
    overall = float(rewards.mean()) if len(rewards) else 0.0
    earned, tried = np.bincount(actions, rewards, minlength=width), np.bincount(actions, minlength=width)
    by_action = (earned + PRIOR * overall) / (tried + PRIOR)
    place = cells * width + actions
    shape = (height, width)
    earned_here = np.bincount(place, rewards, minlength=width * height).reshape(shape)
    tried_here = np.bincount(place, minlength=width * height).reshape(shape)
    return np.asarray((earned_here + PRIOR * by_action) / (tried_here + PRIOR))
