"""Off-policy estimates: what a target policy would have earned, out of what a logging policy tried.

A decision i had reward r_i under the logging policy; its weight w_i is the target's probability of what was done over
the logging policy's own. Given a reward model, q_i is what it expects of what was done and v_i of what the target would
do. Every estimate is a mean, or a ratio of means, of per-decision parts, so one interval serves all: by the sums of
users, who are the independent units (linearised; Owen, "Monte Carlo theory", section 9.2, for the self-normalised one).

    IPS      mean(w r)                         Horvitz and Thompson 1952
    clipped  mean(min(w, M) r)                 Ionides 2008; biased downward for rewards >= 0
    SNIPS    sum(w r) / sum(w)                 Swaminathan and Joachims, NeurIPS 2015
    DM       mean(v)                           the reward model's word alone
    DR       mean(v + w (r - q))               Dudik, Langford, Li, ICML 2011

Knows nothing of logs or of where weights come from.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import stats

from feedrank.errors import InvalidInput
from feedrank.types import F64, I64

LEVEL = 0.95


class Method(StrEnum):
    """How to estimate."""

    IPS = "IPS"
    CLIPPED = "clipped IPS"
    SNIPS = "SNIPS"
    DIRECT = "direct method"
    DOUBLY_ROBUST = "doubly robust"


@dataclass(frozen=True, slots=True)
class Decisions:
    """What was logged of n decisions. `expected` and `promised` are the reward model's q and v; both or neither."""

    rewards: F64  # (n,)
    weights: F64  # (n,) target probability / logged probability, >= 0
    users: I64  # (n,) numbers; decisions of one user are not independent
    expected: F64 | None = None  # (n,)
    promised: F64 | None = None  # (n,)

    def __post_init__(self) -> None:
        """Refuses columns that do not fit together."""
        columns = [c for c in (self.weights, self.users, self.expected, self.promised) if c is not None]
        if any(len(c) != len(self.rewards) for c in columns) or not len(self.rewards):
            raise InvalidInput(
                f"{len(self.rewards)} rewards, but columns of {[len(c) for c in columns]}: give one each"
            )
        if not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
            raise InvalidInput("weights must be finite and not negative: was a propensity 0 where something was done?")
        if (self.expected is None) != (self.promised is None):
            raise InvalidInput("a reward model says both what it expects of what was done and of the target's choice")


@dataclass(frozen=True, slots=True)
class Value:
    """The estimated mean reward of the target policy, with its 95% interval clustered by user."""

    method: Method
    value: float
    se: float
    low: float
    high: float


def clip_at(decisions: Decisions) -> float:
    """Where clipped IPS cuts: sqrt(n), at which bias and variance both vanish (Ionides 2008, section 3)."""
    return float(np.sqrt(len(decisions.rewards)))


def estimate(decisions: Decisions, method: Method, clip: float | None = None) -> Value:
    """One estimate. `clip` is of clipped IPS, by default `clip_at`. InvalidInput where a reward model is needed and
    there is none.
    """
    r, w = decisions.rewards, decisions.weights
    ones = np.ones_like(r)
    if method is Method.IPS:
        return weighted_mean(method, w * r, ones, decisions.users)
    if method is Method.CLIPPED:
        cut = clip_at(decisions) if clip is None else clip
        return weighted_mean(method, np.minimum(w, cut) * r, ones, decisions.users)
    if method is Method.SNIPS:
        return weighted_mean(method, w * r, w, decisions.users)
    q, v = decisions.expected, decisions.promised
    if q is None or v is None:
        raise InvalidInput(f"{method.value} needs a reward model: give `expected` and `promised`")
    return weighted_mean(method, v if method is Method.DIRECT else v + w * (r - q), ones, decisions.users)


def estimate_all(decisions: Decisions, clip: float | None = None) -> tuple[Value, ...]:
    """Every estimate that can be made of these decisions."""
    modelled = decisions.expected is not None
    methods = [m for m in Method if modelled or m not in (Method.DIRECT, Method.DOUBLY_ROBUST)]
    return tuple(estimate(decisions, method, clip) for method in methods)


def on_policy(rewards: F64, users: I64) -> Value:
    """The mean reward of what the logging policy itself did, for comparison."""
    return weighted_mean(Method.IPS, rewards, np.ones_like(rewards), users)


def weighted_mean(method: Method, numerator: F64, denominator: F64, users: I64) -> Value:
    """sum(numerator) / sum(denominator) with the spread over users (sandwich, small-sample factor G / (G - 1))."""
    total = float(denominator.sum())
    if total == 0.0:
        return Value(method, *(float("nan"),) * 4)
    value = float(numerator.sum()) / total
    _, user = np.unique(users, return_inverse=True)
    parts = np.bincount(user, (numerator - value * denominator) / total)
    groups = len(parts)
    if groups < 2:
        return Value(method, value, *(float("nan"),) * 3)
    se = float(np.sqrt(groups / (groups - 1.0) * np.square(parts).sum()))
    half = float(stats.t.isf((1.0 - LEVEL) / 2.0, groups - 1)) * se
    return Value(method, value, se, value - half, value + half)
