"""Which model a worker serves: loading versions out of the registry as `Model`s, and the prior when there is none.

Knows nothing of swapping or of requests.
"""

import logging

import numpy as np

from feedrank.errors import NotFound
from feedrank.pipeline.scorers import LightGBMScorer, PriorScorer
from feedrank.registry import Registry
from feedrank.serving.lanes import PRIOR, Model
from feedrank.settings import Settings
from feedrank.types import Pause, no_pause

log = logging.getLogger(__name__)


def prior_model() -> Model:
    """The documented scorer that needs no training."""
    scorer = PriorScorer()
    return Model(PRIOR, scorer, "", scorer.features)


def load_model(registry: Registry, reference: str, settings: Settings, pause: Pause = no_pause) -> Model:
    """A verified version as a Model, warm; pauses now and then. RegistryError or NotFound name what is wrong."""
    loaded = registry.load(reference)
    manifest = loaded.manifest
    if manifest.counter_delay_s != settings.counter_delay_s:
        log.warning(
            "the model was trained with another counter delay than it is served with",
            extra={"trained_s": manifest.counter_delay_s, "served_s": settings.counter_delay_s},
        )
    scorer = LightGBMScorer.of(loaded, pause)
    scorer.score(np.zeros((1, len(scorer.features)), np.float32))  # no caller pays for first-call costs
    return Model(loaded.reference, scorer, manifest.space, scorer.features, manifest.counter_delay_s)


def champion_or_prior(registry: Registry, settings: Settings) -> Model:
    """The champion if there is one, else the prior. RegistryError if it does not load: that must not go unnoticed."""
    try:
        return load_model(registry, settings.champion, settings)
    except NotFound:
        log.info("no champion is registered: ranking with the prior scorer")
        return prior_model()
