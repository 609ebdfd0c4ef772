"""The gate before the champion's place: two models on the same held-out impressions, and what must be proven there."""

from feedrank.training.gate.gate import Challenge, decide, described, reason_of
from feedrank.training.gate.retrain import Retrained, Retraining, alone, retrain
from feedrank.training.gate.rules import Outcome, Terms

__all__ = [
    "Challenge",
    "Outcome",
    "Retrained",
    "Retraining",
    "Terms",
    "alone",
    "decide",
    "described",
    "reason_of",
    "retrain",
]
